"""What sends a request: the form that every client of a connection has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Outcome
    from dragstrip.load.http.request import Prepared
    from dragstrip.scenario import Request
    from dragstrip.scenario.check import Reply


class SendFailed(Exception):
    """No whole answer came back. `outcome` says why; `detail` is for people."""

    def __init__(self, outcome: Outcome, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.status = status


class Client(Protocol):
    """A connection to one target, used by one Locust user.

    After each exchange, also a failed one, the times are those of the monotonic clock (0 for what
    did not happen), `opened` counts the connections that it had to open, and `reconnected` is 1 if
    one of them replaced another whose last exchange had not failed.
    """

    sent_ns: int
    first_byte_ns: int
    done_ns: int
    opened: int
    reconnected: int

    def prepare(self, request: Request) -> Prepared:
        """Check a request once for use by many connections to one address. Raises SendFailed."""

    def send(self, request: Request | Prepared) -> Reply:
        """Send a request and return the answer. Raises SendFailed."""

    def sent_header(self, name: str) -> str:
        """Return a header of the last answer as the server wrote it, "" where it is absent."""

    def close(self) -> None:
        """Close the connection."""
