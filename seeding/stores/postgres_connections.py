"""Direct connections to one PostgreSQL: opened when needed, opened again when lost."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dragstrip.errors import BackendError, ConfigError
from dragstrip.redact import excerpt, register_address, register_secret
from seeding.stores.postgres_errors import Passing, is_passing
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

# Connecting gives words and no SQLSTATE. What these say does not pass by waiting.
_LASTING = re.compile(
    r"authentication|password|does not exist|not found|pg_hba|permission denied|certificate"
    r"|SSL was required|sslmode|invalid",
    re.IGNORECASE,
)


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
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error:
            # Not in libpq's words, which repeat the part that it could not read.
            raise ConfigError(
                f"{VARIABLE}: PostgreSQL's client library cannot read it",
                fix=f"correct {VARIABLE}: postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            ) from None
        self.name = name
        self.place = f"{parts.get('host')}:{parts.get('port') or 5432}"
        self.retry = Retrier(name, self.place, VARIABLE)
        self._parameters = _parameters(parts)
        register_secret(str(parts.get("password") or ""))
        self._idle: deque[DatabaseConnection] = deque()

    def __call__(self, call: Callable[[DatabaseConnection], T]) -> T:
        """Return what `call` returns; it is repeated, so it must bear that.

        Raises BackendError for a database that cannot be reached, and psycopg.Error for anything
        that trying again would not change.
        """
        return self.retry(lambda: self._once(call))

    def said(self, error: psycopg.Error) -> str:
        """Return the error's own words, without anything secret in them."""
        parts = (error.diag.message_primary or str(error), error.diag.message_detail)
        return excerpt(": ".join(part for part in parts if part))

    def close(self) -> None:
        """Close the connections that no call is using."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _once(self, call: Callable[[DatabaseConnection], T]) -> T:
        connection = self._take()
        try:
            result = call(connection)
        except psycopg.Error as error:
            connection.close()
            if not _may_pass(error):
                raise
            # What has ended this one has most likely ended the idle ones as well.
            self.close()
            raise Passing(self.said(error)) from None
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
            if _LASTING.search(said):
                raise BackendError(
                    f"{self.name} at {self.place} refused the connection: {said}",
                    fix=f"correct {VARIABLE}",
                ) from None
            raise Passing(said) from None


def _parameters(parts: dict[str, Any]) -> dict[str, Any]:
    """Return libpq's parameters: the address as it is, with what it leaves open."""
    return {
        "connect_timeout": _CONNECT_S,
        "application_name": "dragstrip",
        # Milliseconds for which sent data may stay unacknowledged: a network that is cut shows.
        "tcp_user_timeout": 60_000,
        "keepalives_idle": 20,
        # Or libpq would take it from PGHOSTADDR, and go to a host that was not configured.
        "hostaddr": "",
        **parts,
    }


def _may_pass(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return is_passing(error.sqlstate)
