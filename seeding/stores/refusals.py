"""Every refusal that the stores document: what it says, whose it is, and the fix that works.

The tables below are all there is to it; docs/refusals.md shows them, and a test goes through them.
A store asks its tables in order, and the first row whose sign is found in `code: message` decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dragstrip.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class TooMuch(BackendError):
    """The call is beyond what the backend does at once: less may pass."""


class NoSuchFunction(BackendError):
    """The deployment lacks a function."""


class Refused(BackendError):
    """The backend does not take the credential, or not for this."""


class Passing(Exception):
    """The backend answered with what the same call may not meet again.

    `retry_after_s` is how long it asks to be left alone, if it does.
    """

    def __init__(self, said: str, retry_after_s: float | None = None) -> None:
        super().__init__(said)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of answer. `example` is one, as `code: message`; `sign` is found in all of them.

    `meaning` follows the backend's name and address. `then` is what dragstrip does: it "stops", it
    "waits" and asks again, or it "halves" what it asks for; where there are no halves, it waits.
    """

    example: str
    sign: str
    meaning: str
    fix: str
    then: Literal["stops", "waits", "halves"] = "stops"
    raises: type[BackendError] = BackendError

    def error(self, name: str, place: str, said: str, **names: str) -> BackendError:
        """Return what is said of it; `names` fill in CREDENTIAL or ADDRESS."""
        meaning, fix = _filled(self.meaning, names), _filled(self.fix, names)
        return self.raises(f"{name} at {place} {meaning}: {said}", fix=fix)

    def is_in(self, forms: Iterable[str]) -> bool:
        """Tell whether one of them has the sign."""
        return any(re.search(self.sign, one, re.IGNORECASE) for one in forms)


def _filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


Table = tuple[Refusal, ...]

_STATUS = re.compile(r"^HTTP \d+: ")


def refusal_of(tables: Sequence[Table], said: str) -> Refusal | None:
    """Return the row for `code: message`; None where no documentation knows it."""
    # An answer that was turned away by its status may still hold a code of the backend's.
    forms = {said, _STATUS.sub("", said)}
    return next((row for row in _rows(tables) if row.is_in(forms)), None)


def _rows(tables: Sequence[Table]) -> Iterator[Refusal]:
    for table in tables:
        yield from table


_AGAIN = "then run the command again: it continues from what is stored"
_LET_IN = "give the header that lets a request in (targets.NAME.headers, docs/ci.md)"
_MIGRATE = "apply the migrations in backends/supabase/migrations"
_LOCKS = "(select * from pg_stat_activity)"
_PHONE_TAKEN = (
    "cannot be seeded: a contact that dragstrip did not seed has the phone number of one it is to "
    "seed"
)
_RESET = (
    "run `dragstrip seed --reset`, then seed again; if that does not help, the row is not "
    "dragstrip's: remove it, or choose another dataset.seed"
)
_GRANTS = (
    "the role that applied the migrations (on Supabase: postgres), which owns the tables, or one "
    "that bypasses row level security and has service_role's rights"
)

_OVERLOADED = Refusal(
    "HTTP 503: no reason given",
    r"^HTTP (429|502|503|504)",
    "stayed overloaded",
    f"wait until it has recovered, {_AGAIN}",
    then="waits",
)

POSTGRES: Table = (
    Refusal(
        "42P01: relation public.contacts does not exist",
        r"^(42883|42P01|42703|42704|42P10|3F000)",
        "lacks a table or function",
        _MIGRATE,
    ),
    Refusal(
        "23505: duplicate key: Key (workspace_id, phone)=(w, 628) already exists",
        r"^23505(?!.*kapso).*phone",
        _PHONE_TAKEN,
        "remove that contact, or choose another dataset.seed",
    ),
    Refusal(
        "23505: duplicate key: Key (slug)=(x) already exists",
        r"^23505",
        "cannot be seeded: a row that is there already stands in the way",
        _RESET,
    ),
    Refusal(
        "23503: insert or update on table contacts violates foreign key constraint",
        r"^(23503|23502|23514|22P02|22003|22001)",
        "has tables of another form than the migrations make, or something else changes them",
        f"{_MIGRATE}, and let nothing else write while it is seeded",
    ),
    Refusal(
        "53100: could not extend file: No space left on device",
        r"^(53100|25006).*(space|disk)|^53100",
        "takes no more rows",
        f"give the database more disk, {_AGAIN}",
    ),
    Refusal(
        "25006: cannot execute INSERT in a read-only transaction",
        r"^25006",
        "takes no more rows",
        "name the primary and not a replica; give it more disk if it is full, which makes Supabase "
        f"read-only; {_AGAIN}",
    ),
    Refusal(
        "55P03: canceling statement due to lock timeout",
        r"^55P03",
        "waited for a lock of another session longer than its lock_timeout allows",
        f"end what holds it {_LOCKS}, {_AGAIN}",
        then="waits",
    ),
    Refusal(
        "53300: sorry, too many clients already",
        r"^53300|too many (clients|connections)|remaining connection slots|max(imum)? client"
        r"|MaxClientsInSessionMode",
        "has no connection free",
        "close others, raise max_connections or the pooler's pool size, or name the pooler's "
        "transaction mode (on Supabase: port 6543)",
        then="waits",
    ),
    Refusal(
        "53200: out of memory",
        r"^(53200|53400|53000|54...)",
        "is at a limit of its own configuration",
        f"see its log, give it more, {_AGAIN}",
    ),
    Refusal(
        "57014: canceling statement due to user request",
        r"^57014",
        "had a statement ended by somebody or something that watches it",
        f"find out what cancels statements, {_AGAIN}",
        then="waits",
    ),
    Refusal(
        "57P04: database was dropped",
        r"^57P04",
        "was dropped",
        "name another database, or create it again",
    ),
    Refusal(
        "57P03: the database system is starting up",
        r"^(57P0.|08...|40001|40P01)|(starting up|shutting down|recovery mode)",
        "is starting, stopping or busy with others",
        f"see its log, {_AGAIN}",
        then="waits",
    ),
)
"""SQLSTATEs (PostgreSQL, appendix A), the same over REST and by direct connection."""

DIRECT: Table = (
    Refusal(
        "42501: permission denied for table contacts",
        r"^42501",
        "does not let the role of SUPABASE_DB_URL do this",
        f"use {_GRANTS}",
        raises=Refused,
    ),
    Refusal(
        "57014: canceling statement due to statement timeout",
        r"^57014(?!.*user request)",
        "ended a statement that took longer than the 60 s that dragstrip sets",
        f"end what locks the tables or keeps it busy {_LOCKS}, or give it a larger machine, "
        f"{_AGAIN}",
        then="halves",
        raises=TooMuch,
    ),
    Refusal(
        'connection: invalid integer value "x" for connection option "keepalives_idle"',
        r"^connection.*(connection option|target_session_attrs|invalid value for parameter|"
        r"unrecognized configuration|definition of service|channel binding required|hot standby|"
        r"GSSAPI encryption required|authentication method requirement)",
        "cannot be connected to as a parameter of SUPABASE_DB_URL asks",
        "correct or remove that parameter, behind the ? in SUPABASE_DB_URL",
        raises=Refused,
    ),
    Refusal(
        'connection: password authentication failed for user "postgres"',
        r"password|SASL|authentication failed|28P01",
        "refused the connection",
        "correct SUPABASE_DB_URL: its user or its password is wrong",
        raises=Refused,
    ),
    Refusal(
        "connection: Tenant or user not found",
        r"tenant or user not found|ENOTFOUND",
        "refused the connection",
        "correct SUPABASE_DB_URL: over the pooler the user is postgres.PROJECT, and the host the "
        "one of the project's region",
        raises=Refused,
    ),
    Refusal(
        'connection: no pg_hba.conf entry for host "10.0.0.7"',
        r"pg_hba|28000|not permitted to log in",
        "refused the connection",
        "allow this machine's address in pg_hba.conf or in the project's network restrictions, or "
        "correct the user in SUPABASE_DB_URL",
        raises=Refused,
    ),
    Refusal(
        "connection: ERROR: SSL connection is required",
        r"SSL (connection )?(is|was) required|does not support SSL|sslmode|certificate|SSL off",
        "refused the connection",
        "correct sslmode and sslrootcert in SUPABASE_DB_URL",
        raises=Refused,
    ),
    Refusal(
        'connection: database "crm" does not exist',
        r"^(3D000|connection).*does not exist",
        "refused the connection",
        "correct the database or the user in SUPABASE_DB_URL",
        raises=Refused,
    ),
    Refusal(
        "connection: could not translate host name: Name or service not known",
        r"^connection.*(not known|nodename|no address)",
        "has a host name that does not resolve",
        "correct the host in SUPABASE_DB_URL; direct hosts of Supabase have IPv6 addresses only: "
        "name the pooler where this machine has none",
    ),
)
"""What only a direct connection meets, or means there. Connecting gives words and no SQLSTATE."""

REST: Table = (
    Refusal(
        "57014: canceling statement due to statement timeout",
        r"^57014(?!.*user request)",
        "ended a statement at the timeout of its role",
        "raise it (alter role authenticator set statement_timeout = '60s'; notify pgrst, 'reload "
        "config'), or set SUPABASE_DB_URL to go past the API",
        then="halves",
        raises=TooMuch,
    ),
    Refusal(
        "42501: permission denied for table seed_manifest",
        r"^42501.*permission denied",
        "does not let the role of SUPABASE_SERVICE_ROLE_KEY do this",
        f"{_MIGRATE}, which grant service_role its rights; the key must be the service role's and "
        "not the anon or publishable one",
        raises=Refused,
    ),
    Refusal(
        "42501: new row violates row-level security policy",
        r"^42501",
        "keeps the role of SUPABASE_SERVICE_ROLE_KEY out by row level security",
        "use the service role's (or secret) key: the anon or publishable one is bound by policies",
        raises=Refused,
    ),
    Refusal(
        "PGRST300: JWT secret missing",
        r"^PGRST300",
        "has no JWT secret configured, so that it can check no key",
        "set jwt-secret in PostgREST's configuration",
    ),
    Refusal(
        "PGRST301: JWT could not be decoded",
        r"^(PGRST30[123]|401|403)\b|API key|JWT",
        "refused SUPABASE_SERVICE_ROLE_KEY",
        "correct SUPABASE_SERVICE_ROLE_KEY: it must be this project's service role's, neither "
        "expired nor disabled",
        raises=Refused,
    ),
    Refusal(
        "PGRST202: Could not find the function public.dragstrip_next_index in the schema cache",
        r"^PGRST20[0-9]",
        "lacks a table or function",
        f"{_MIGRATE}; where they are, reload its schema cache: notify pgrst, 'reload schema'",
    ),
    Refusal(
        "PGRST106: The schema must be one of the following: api",
        r"^PGRST106",
        "does not show the schema public over its API",
        "add public to the exposed schemas (db-schemas; on Supabase: Settings, API)",
    ),
    Refusal(
        "PGRST003: Timed out acquiring connection from connection pool",
        r"^PGRST003",
        "has no connection of its pool free",
        "raise db-pool, or stop what else uses its API",
        then="waits",
    ),
    Refusal(
        "PGRST002: Could not query the database for the schema cache",
        r"^PGRST00[012]",
        "does not reach its database",
        "start the database, or correct PostgREST's db-uri",
        then="waits",
    ),
    Refusal(
        "PGRST102: Empty or invalid json",
        r"^PGRST(1..|X..)",
        "did not take a request of the form that PostgREST documents",
        "correct SUPABASE_URL if this is not Supabase; otherwise report it with this message",
    ),
    Refusal(
        "540: project paused",
        r"^540",
        "is paused",
        f"resume the project in Supabase's dashboard, {_AGAIN}",
    ),
    Refusal(
        "402: exceed_egress_quota",
        r"^402|exceed\w*_quota|overdue_payment",
        "is restricted, as its organization is beyond a quota or has an open bill",
        f"see the project in Supabase's dashboard, {_AGAIN}",
    ),
    Refusal(
        "413: Payload Too Large",
        r"^413",
        "does not take requests of this size",
        "allow requests of a megabyte in the proxy before it, or set SUPABASE_DB_URL",
    ),
    Refusal(
        "522: connection timed out",
        r"^(52[0-7]|530|544)",
        "is not reached by the gateway before it",
        f"see the project's state in Supabase's dashboard, {_AGAIN}",
        then="waits",
    ),
    _OVERLOADED,
)
"""PostgREST's own codes, those that mean more over it, and what stands before a hosted project."""

CONVEX: Table = (
    Refusal(
        "HTTP 401: BadAdminKey: The provided admin key was invalid for this instance",
        r"^HTTP 40[13]|AdminKey|DeployKey|\bUnauthorized\b",
        "refused CREDENTIAL",
        "correct CREDENTIAL: it must be this deployment's",
        raises=Refused,
    ),
    Refusal(
        "Could not find public function for 'seed:readManifest'",
        r"Could not find",
        "lacks a function of dragstrip's",
        "deploy backends/convex",
        raises=NoSuchFunction,
    ),
    Refusal(
        "ArgumentValidationError: Object is missing the required field",
        r"ArgumentValidationError|ReturnsValidationError",
        "has functions of another version",
        "deploy backends/convex of this version",
    ),
    Refusal(
        "SEED_SECRET is not set in this deployment",
        r"SEED_SECRET",
        "has no SEED_SECRET",
        "run `npx convex env set SEED_SECRET …`, or set CONVEX_ADMIN_KEY",
    ),
    Refusal(
        "contacts: workspace_id, phone = w, 628 would be held by two rows",
        r"workspace_id, phone.*would be held by two rows",
        _PHONE_TAKEN,
        "remove that contact, or choose another dataset.seed",
    ),
    Refusal(
        "workspaces: slug = x would be held by two rows",
        r"would be held by two rows",
        "cannot be seeded: a row that is there already stands in the way",
        _RESET,
    ),
    Refusal(
        "Cannot run functions while this deployment is paused",
        r"deployment is (paused|suspended)|BackendIsNotRunning",
        "is paused",
        f"resume the deployment in Convex's dashboard, {_AGAIN}",
    ),
    Refusal(
        "You have exceeded the free plan limits, so your deployments have been disabled",
        r"(free plan|spending|usage) limit|deployments? ha(s|ve) been disabled",
        "is disabled, as its team is beyond a limit of its plan",
        f"see the team's usage in Convex's dashboard, {_AGAIN}",
    ),
    Refusal(
        "does not match the schema: SchemaEnforcementError",
        r"SchemaEnforcement|does not match the schema|TableNotFound|Index.*not ?found",
        "has another schema than backends/convex",
        "deploy backends/convex of this version",
    ),
    Refusal(
        "Too many reads in a single function execution (limit: 4096)",
        r"Too many (reads|writes|bytes|documents)\b.*single|too large|timed out|^HTTP 413"
        r"|maximum total syscall duration|^\[Request ID: \w+\] Server Error$",
        "has a limit on what one function does, which this exceeds",
        "see the deployment's log",
        then="halves",
        raises=TooMuch,
    ),
    Refusal(
        "HTTP 429: TooManyConcurrentRequests: Too many concurrent requests, backoff and try again",
        r"TooManyConcurrent|ExpiredInQueue|concurrent requests|no available workers",
        "runs as many functions at once as its class of deployment allows",
        f"stop other load on it, or choose a larger deployment class, {_AGAIN}",
        then="waits",
    ),
    Refusal(
        "HTTP 429: TooManyWritesInTimePeriod: Too many insert / update / delete operations",
        r"TooManyWrites|TooManyReads|in a short period of time",
        "is asked for more in a second than its limits allow",
        f"wait until it has recovered, {_AGAIN}",
        then="waits",
    ),
    Refusal(
        "HTTP 503: OptimisticConcurrencyControlFailure: changed while this mutation was being run",
        r"OptimisticConcurrencyControlFailure|changed while this mutation",
        "has something else that writes the same documents",
        f"stop it, {_AGAIN}",
        then="waits",
    ),
    _OVERLOADED,
    Refusal(
        "HTTP 404: No matching routes found",
        r"^HTTP 404: .*(No matching routes|HTTP actions)",
        "serves HTTP actions and not the functions' API",
        "correct CONVEX_URL: it is the deployment's main address (….convex.cloud, or port 3210), "
        "and CONVEX_SITE_URL the one of its HTTP actions (….convex.site)",
    ),
    Refusal(
        "HTTP 500: InternalServerError: Your request couldn't be completed. Try again later.",
        r"^HTTP 5",
        "failed",
        "see the deployment's log",
    ),
    Refusal(
        "HTTP 404: an HTML page",
        r"^HTTP 4",
        "is not a Convex deployment, or not its main address",
        "correct CONVEX_URL: it is the deployment's main address, not the one of its HTTP actions",
    ),
)
"""Errors of a Convex deployment and of its functions, which answer with HTTP 200."""

TARGETS: Table = (
    Refusal(
        'HTTP 500: {"error": "Service not configured"}',
        r"Service not configured",
        "has no CRM_API_KEY of its own",
        "set CRM_API_KEY in its environment, the same as here (`npx convex env set CRM_API_KEY …`; "
        "for Next.js in .env or the host's settings)",
    ),
    Refusal(
        "HTTP 500: Cannot run functions while this deployment is paused",
        r"deployment is (paused|suspended)",
        "is paused",
        "resume the deployment in Convex's dashboard",
    ),
    Refusal(
        "HTTP 500: You have exceeded the free plan limits, so your deployments have been disabled",
        r"(free plan|spending|usage) limit|deployments? ha(s|ve) been disabled"
        r"|DEPLOYMENT_DISABLED|^HTTP 402",
        "is disabled, as its team is beyond a limit of its plan",
        "see the team's usage in the host's dashboard",
    ),
    Refusal(
        "HTTP 404: No matching routes found",
        r"No matching routes found|does not have HTTP actions",
        "has no such HTTP action",
        "deploy backends/convex, or correct ADDRESS (self-hosted: port 3210 with /http)",
    ),
    Refusal(
        "HTTP 404: DEPLOYMENT_NOT_FOUND",
        r"DEPLOYMENT_NOT_FOUND|DEPLOYMENT_DELETED",
        "is not deployed at this address",
        "correct ADDRESS, or deploy it",
    ),
    Refusal(
        "HTTP 404: an HTML page",
        r"^HTTP 404: (an HTML page|.*NOT_FOUND)",
        "is a site that has no such route",
        "deploy backends/next there, or correct ADDRESS",
    ),
    Refusal(
        "HTTP 401: an HTML page",
        r"^HTTP 40[13]: an HTML page",
        "is behind a login or a firewall of its host, which answers in its place",
        f"{_LET_IN}, or let this machine through (on Vercel: Deployment Protection, or Firewall)",
    ),
    Refusal(
        "HTTP 307, a redirect to https://example.com/login: no reason given",
        r"^HTTP 30[12378], a redirect to ",
        "sends requests elsewhere, as a protected preview does to its login page; redirects are "
        "not followed",
        f"correct ADDRESS, or {_LET_IN}",
    ),
    Refusal(
        "HTTP 200: an HTML page",
        r"^HTTP 200: an HTML page",
        "answers with a web page where the contract asks for JSON, as a login page is",
        f"correct ADDRESS, or {_LET_IN}",
    ),
    Refusal(
        "HTTP 504: FUNCTION_INVOCATION_TIMEOUT",
        r"FUNCTION_INVOCATION_TIMEOUT",
        "ended its function at the longest duration that its host allows",
        "see its log; raise maxDuration",
    ),
    Refusal(
        "HTTP 500: FUNCTION_INVOCATION_FAILED",
        r"FUNCTION_INVOCATION_FAILED|NO_RESPONSE_FROM_FUNCTION",
        "failed in its function",
        "see its log at its host",
    ),
    Refusal(
        "HTTP 429: TooManyConcurrentRequests: Too many concurrent requests",
        r"^HTTP 429|TooManyConcurrent|ExpiredInQueue|FUNCTION_THROTTLED|no available workers",
        "turns requests away, as it allows only so many at once or in a second",
        "lower race.rate, or give it a larger deployment class or plan: it is not slow but limited",
    ),
    Refusal(
        "HTTP 503: Service Unavailable",
        r"^HTTP 50[234]",
        "is not reached by the gateway before it, or is overloaded",
        "start it, or see its log",
    ),
)
"""What a target's own code, its host or the gateway before it answers instead of the contract's."""

TABLES: dict[str, Table] = {
    "PostgreSQL, over either way": POSTGRES,
    "PostgreSQL, directly": DIRECT,
    "PostgREST and Supabase's gateway": REST,
    "Convex": CONVEX,
    "Targets: Convex's HTTP actions, Next.js and their hosts": TARGETS,
}


def documented() -> list[str]:
    """Return the lines of docs/refusals.md below its introduction."""
    lines: list[str] = []
    for title, table in TABLES.items():
        lines += ["", f"## {title}", "", "| refusal | what it means | dragstrip | fix |"]
        lines.append("|---|---|---|---|")
        lines += [
            "| " + " | ".join(map(_cell, (f"`{row.example}`", row.meaning, row.then, row.fix)))
            + " |"
            for row in table
        ]  # fmt: skip
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
