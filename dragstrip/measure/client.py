"""What sends a lookup: the form that every client of a slot has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Outcome
    from dragstrip.measure.judge import Reply
    from dragstrip.targets import Request


class SendFailed(Exception):
    """No whole answer came back. `outcome` says why; `detail` is for people."""

    def __init__(self, outcome: Outcome, detail: str, status: int = 0) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.status = status


class Client(Protocol):
    """A connection to one target, used by one slot at a time."""

    def send(self, request: Request) -> Reply:
        """Send a request and return the answer. Raises SendFailed."""

    def close(self) -> None:
        """Close the connection."""
