"""The bounds of an exchange, and the one timer that watches them."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import RaceConfig

NEVER_NS = 1 << 63
CONNECT, FIRST_BYTE, ANSWER = "no connection", "no byte of an answer", "no whole answer"
"""What an exchange waits for, in the words that say that it did not come."""


class DeadlinePassed(BaseException):
    """Thrown into the waiting greenlet; not an Exception, so that nothing on the way keeps it."""


class ClosedHere(BaseException):
    """Thrown likewise when another greenlet closes the connection."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of an exchange, in seconds and bytes.

    `total_s` covers everything, the opening of a connection included; the other two, when given,
    end a connection attempt or the wait for an answer's first byte sooner.
    """

    total_s: float
    connect_s: float | None = None
    first_byte_s: float | None = None
    max_body_bytes: int = 1 << 20
    max_head_bytes: int = 1 << 16

    @classmethod
    def of(cls, race: RaceConfig) -> Limits:
        """Return the bounds that the configuration sets for each request."""
        return cls(race.timeout, race.connect_timeout, race.first_byte_timeout)


class Deadline:
    """Calls back once `at_ns`, a time of the monotonic clock, is reached.

    The timer is not moved with the deadline: that would cost two system calls' worth for each
    request. When it fires too early, it sees how far the deadline has moved on and sleeps again.
    """

    __slots__ = ("_passed", "_timer", "at_ns", "scheduled_ns")

    def __init__(self, passed: Callable[[], None]) -> None:
        self.at_ns = NEVER_NS
        self._passed = passed
        self.scheduled_ns = NEVER_NS
        """When the timer fires; `at_ns` may be set to anything from then on."""
        self._timer: Any = None

    def move(self, at_ns: int, loop: Any) -> None:
        """Set the deadline; `loop` is the event loop that keeps it."""
        self.at_ns = at_ns
        if at_ns < self.scheduled_ns:
            self._arm(loop)

    def disarm(self) -> None:
        """Stop the timer, as must be done before this is forgotten."""
        self.scheduled_ns = NEVER_NS
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _arm(self, loop: Any) -> None:
        self.disarm()
        self.scheduled_ns = self.at_ns
        pause_s = max(0, self.at_ns - monotonic_ns()) / 1e9
        # A timer that nothing waits for must not keep the process alive.
        self._timer = loop.timer(pause_s, ref=False)
        self._timer.start(self._fire)

    def _fire(self) -> None:
        loop = self._timer.loop
        self.disarm()
        if self.at_ns == NEVER_NS:
            return
        if monotonic_ns() < self.at_ns:
            self._arm(loop)
        else:
            self._passed()
