"""`status`: the answer has one of these statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.scenario import Reply

_OK = int(Outcome.OK)
_HTTP_STATUS = int(Outcome.HTTP_STATUS)


class Status:
    """Takes the statuses that are given, or any 2xx where none is."""

    __slots__ = ("_right", "_words")

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self._right = frozenset(statuses or range(200, 300))
        self._words = " or ".join(map(str, statuses)) or "2xx"

    def __call__(self, key: int, reply: Reply) -> int:  # noqa: ARG002
        """Return the Outcome."""
        return _OK if reply[0] in self._right else _HTTP_STATUS

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        if self(key, reply) == _OK:
            return ""
        moved = reply.header("location") if 300 <= reply.status < 400 else None
        to = f", a redirect to {moved}" if moved else ""
        return f"expect.status is {self._words}, and the status is {reply.status}{to}"
