"""Direct connections to one PostgreSQL: opened when needed, opened again when lost."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict, timeout_from_conninfo
from psycopg.pq import Conninfo

from dragstrip import shell_variables
from dragstrip.errors import BackendError, ConfigError
from dragstrip.redact import excerpt, register_address, register_secret
from seeding.stores.refusals import DIRECT, POSTGRES, Passing, refusal_of
from seeding.stores.retry import Retrier

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

VARIABLE = "SUPABASE_DB_URL"

_CONNECT_S = 10
_ANSWER_S = 90.0

# Per transaction, as poolers hand sessions on. The time is below _ANSWER_S, so that the server
# gives up first and says so. A role that row level security binds would see and change less than
# is there: the second setting makes that an error. Commits wait for the disk whatever the database
# does otherwise: what was reported as stored is not looked at again, should the server crash.
PREAMBLE = (
    "set local statement_timeout = '60s'; set local row_security = off;"
    " set local synchronous_commit = on"
)

TABLES = (DIRECT, POSTGRES)

_NOT_LIBPQS = frozenset(
    {"pgbouncer", "connection_limit", "pool_timeout", "pool_mode", "statement_cache_size", "supa"}
    | {"socket_timeout", "prepared_statements", "prepareThreshold", "sslaccept", "workaround"}
    | {"uselibpqcompat"}
)
"""Parameters of ORMs and poolers that say nothing of where or as whom to connect."""


class DatabaseConnection(psycopg.Connection[Any]):
    """A connection that never waits for ever, even for a server that is frozen."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = _ANSWER_S) -> Any:
        """Consume a generator operating on the connection."""
        return super().wait(gen, interval, timeout)


class Connections:
    """Runs calls on a connection each, from several threads, and again when it was lost.

    `name` is the backend's.
    """

    def __init__(self, name: str, url: str) -> None:
        register_address(url)
        shell_variables.shut_out_of_libpq()
        try:
            parts = conninfo_to_dict(_for_libpq(url))
            # It is psycopg that reads this one, when it connects.
            timeout_from_conninfo(parts)
        except psycopg.Error:
            # Not in libpq's words, which repeat the part that it could not read.
            raise ConfigError(
                f"{VARIABLE}: PostgreSQL's client library cannot read it",
                fix=f"correct {VARIABLE}: postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            ) from None
        self.name = name
        self.place = f"{parts.get('host')}:{parts.get('port') or 5432}"
        self.retry = Retrier(name, self.place, VARIABLE, TABLES)
        self._parameters = _parameters(parts)
        register_secret(str(parts.get("password") or ""))
        self._idle: deque[DatabaseConnection] = deque()

    def __call__(self, call: Callable[[DatabaseConnection], T], *, can_halve: bool = False) -> T:
        """Return what `call` returns; it is repeated, so it must bear that.

        Raises BackendError for a database that cannot be reached or refuses; psycopg's
        UniqueViolation passes through. With `can_halve`, TooMuch for what took too long.
        """
        return self.retry(lambda: self._once(call, can_halve=can_halve))

    def said(self, error: psycopg.Error) -> str:
        """Return the error's code and own words, without anything secret in them."""
        words = error.diag.message_primary or str(error)
        parts = (error.sqlstate or "connection", words, error.diag.message_detail)
        return excerpt(": ".join(part for part in parts if part))

    def error(self, said: str) -> BackendError:
        """Return what is raised for code and words."""
        known = refusal_of(TABLES, said)
        if known:
            return known.error(self.name, self.place, said)
        return BackendError(
            f"{self.name} at {self.place} failed: {said}", fix="see the database's log"
        )

    def close(self) -> None:
        """Close the connections that no call is using."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _once(self, call: Callable[[DatabaseConnection], T], *, can_halve: bool) -> T:
        connection = self._take()
        try:
            result = call(connection)
        except psycopg.errors.UniqueViolation:
            connection.close()
            raise
        except psycopg.Error as error:
            connection.close()
            said = self.said(error)
            is_lost = error.sqlstate is None and isinstance(error, psycopg.OperationalError)
            if not (is_lost or _passes(said, can_halve=can_halve)):
                raise self.error(said) from None
            # What has ended this one has most likely ended the idle ones as well.
            self.close()
            raise _lost(said) if is_lost else Passing(said) from None
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return result

    def _take(self) -> DatabaseConnection:
        try:
            return self._idle.pop()
        except IndexError:
            return self._connect()

    def _connect(self) -> DatabaseConnection:
        try:
            # Prepared statements do not survive a pooler that hands each transaction on.
            return DatabaseConnection.connect(
                **self._parameters, autocommit=True, prepare_threshold=None
            )
        except psycopg.OperationalError as error:
            said = self.said(error)
            known = refusal_of(TABLES, said)
            if known is None:
                raise _lost(said) from None
            if known.then == "stops":
                raise known.error(self.name, self.place, said) from None
            raise Passing(said) from None


def _parameters(parts: dict[str, Any]) -> dict[str, Any]:
    """Return libpq's parameters: the address as it is, with what it leaves open."""
    return {
        "connect_timeout": _CONNECT_S,
        "application_name": "dragstrip",
        # Milliseconds for which sent data may stay unacknowledged: a network that is cut shows.
        "tcp_user_timeout": 60_000,
        "keepalives_idle": 20,
        **parts,
    }


def _for_libpq(url: str) -> str:
    """Return the address without parameters of ORMs. Raises ConfigError naming unknown others."""
    parts = urlsplit(url)
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    kept, unknown = [], []
    for pair in filter(None, parts.query.split("&")):
        name, _, value = pair.partition("=")
        if name in known:
            kept.append(pair)
        elif name not in _NOT_LIBPQS and (name, value) != ("schema", "public"):
            unknown.append(excerpt(name, 40))
    if unknown:
        raise ConfigError(
            f"{VARIABLE}: PostgreSQL's client library knows no parameter {', '.join(unknown)}",
            fix=f"take it out of {VARIABLE}",
        )
    return urlunsplit(parts._replace(query="&".join(kept)))


def _lost(said: str) -> httpx.TransportError:
    return httpx.ConnectError(said.removeprefix("connection: "))


def _passes(said: str, *, can_halve: bool) -> bool:
    known = refusal_of(TABLES, said)
    return known is not None and (
        known.then == "waits" or (known.then == "halves" and not can_halve)
    )
