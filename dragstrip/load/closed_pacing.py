"""The pace of a connection by itself, without a race: a closed model, evened out by a pause."""

from __future__ import annotations

from itertools import repeat
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from gevent import getcurrent
from gevent.hub import get_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.load.schedule import Arrival

NO_SLICE = -1


class ClosedPacing:
    """Makes up to `per_s` requests a second; 0 sets no limit. Missed ones are not made up for."""

    def __init__(
        self, keys: Iterator[int], per_s: float, operations: Iterator[int] | None = None
    ) -> None:
        self._keys = keys
        self._operations = operations or repeat(0)
        self._period_ns = round(1e9 / per_s) if per_s else 0
        self._next_ns = 0
        self._timer: Any = None

    def enter(self) -> None:
        """Do nothing: nothing asks whether this connection is busy."""

    def leave(self) -> None:
        """Do nothing."""

    def take(self) -> Arrival:
        """Block the calling greenlet until it is time, and return a request that is due then."""
        now_ns = monotonic_ns()
        if now_ns < self._next_ns:
            self._pause(self._next_ns - now_ns)
            now_ns = monotonic_ns()
        self._next_ns = self._following(now_ns)
        return now_ns, next(self._keys), NO_SLICE, 0, next(self._operations)

    def _following(self, now_ns: int) -> int:
        """Return when the request after the one that is sent now is due."""
        missed = now_ns - self._next_ns >= self._period_ns
        return (now_ns if missed else self._next_ns) + self._period_ns

    def withdraw(self, user: Any) -> bool:  # noqa: ARG002
        """Let a pause that is under way not end by itself; return whether there was one."""
        if self._timer is None:
            return False
        self._timer.stop()
        return True

    def _pause(self, length_ns: int) -> None:
        hub = get_hub()
        self._timer = timer = hub.loop.timer(length_ns / 1e9)
        try:
            timer.start(getcurrent().switch, update=True)
            hub.switch()
        finally:
            self._timer = None
            timer.stop()
            timer.close()


class ProfilePacing(ClosedPacing):
    """Makes requests at given times of the monotonic clock; those that it misses are left out."""

    def __init__(
        self, keys: Iterator[int], due_ns: Iterator[int], operations: Iterator[int]
    ) -> None:
        super().__init__(keys, 0, operations)
        self._due_ns = due_ns
        self._next_ns = next(due_ns)

    def _following(self, now_ns: int) -> int:
        return next(due_ns for due_ns in self._due_ns if due_ns > now_ns)
