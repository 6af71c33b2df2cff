"""Whether this process could be trusted during a slice: its processor time, its event loop's
punctuality and its wall clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from dragstrip.ledger.histogram import Histogram
from dragstrip.load.timer import Timer
from dragstrip.run.cgroup import throttled_s

if TYPE_CHECKING:
    from collections.abc import Callable

APPOINTMENT_NS = 20_000_000

_FOLD = 1000
_SLEW = 5e-4
"""How fast a clock may be turned by those who discipline it (adjtime(3): 500 ppm)."""


class Reading(NamedTuple):
    """Both clocks, read together; the wall clock was read within `window_ns`."""

    monotonic_ns: int
    wall_ns: int
    window_ns: int


class HealthFigures(TypedDict):
    """A slice's health, as in WorkerReport."""

    cpu_s: float
    wall_s: float
    loop_lag_p99_ms: float
    loop_lag_max_ms: float
    clock_step_ms: float
    throttled_s: float | None


def read_clocks() -> Reading:
    """Read both clocks."""
    before_ns, wall_ns, after_ns = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return Reading((before_ns + after_ns) // 2, wall_ns, after_ns - before_ns)


class ClockWatch:
    """Notes the largest jump of the wall clock between two readings.

    What a disciplined clock may be slewed in that time does not count, nor what lies within the
    time that the readings took.
    """

    def __init__(self, first: Reading) -> None:
        self.step_ns = 0.0
        self._last = first

    def look(self, now: Reading) -> None:
        """Take in a reading."""
        last, self._last = self._last, now
        elapsed_ns = now.monotonic_ns - last.monotonic_ns
        moved_ns = abs(now.wall_ns - last.wall_ns - elapsed_ns)
        allowed_ns = elapsed_ns * _SLEW + (now.window_ns + last.window_ns) / 2
        if moved_ns > allowed_ns:
            self.step_ns = max(self.step_ns, moved_ns)


class LoopWatch:
    """Notes how late the event loop came to appointments at regular intervals.

    Those that it slept through count each by itself, as requests due then would have.
    """

    def __init__(self, first_ns: int) -> None:
        self.next_ns = first_ns
        self._lags_ns: list[int] = []
        self._histogram = Histogram()

    def look(self, now_ns: int) -> None:
        """Take note of every appointment up to now, and set the next."""
        missed = (now_ns - self.next_ns) // APPOINTMENT_NS
        self._lags_ns += range(now_ns - self.next_ns, -1, -APPOINTMENT_NS)
        self.next_ns += (missed + 1) * APPOINTMENT_NS
        if len(self._lags_ns) >= _FOLD:
            self._fold()

    def p99_and_max_ms(self) -> tuple[float, float]:
        """Return both; 0 before the first appointment."""
        self._fold()
        p99_ns = self._histogram.quantile_ns(0.99) or 0.0
        return p99_ns / 1e6, self._histogram.high_ns / 1e6

    def _fold(self) -> None:
        self._histogram.add(np.array(self._lags_ns, np.int64))
        self._lags_ns.clear()


class HealthMonitor:
    """Watches from its making until `stop`; the clocks from `before`, if that is given.

    `last` is the newest reading of the clocks.
    """

    def __init__(
        self, read: Callable[[], Reading] = read_clocks, *, before: Reading | None = None
    ) -> None:
        self._read = read
        self.last = first = read()
        self._began_ns = first.monotonic_ns
        self._cpu_s = time.process_time()
        self._throttled_s = throttled_s()
        self._clocks = ClockWatch(before or first)
        self._clocks.look(first)
        self._loop = LoopWatch(first.monotonic_ns + APPOINTMENT_NS)
        self._timer = Timer(self._keep_appointment)
        self._timer.set(self._loop.next_ns)

    def stop(self) -> HealthFigures:
        """Stop watching, and return what was seen."""
        self._timer.close()
        self.last = last = self._read()
        self._clocks.look(last)
        self._loop.look(last.monotonic_ns)
        p99_ms, max_ms = self._loop.p99_and_max_ms()
        return {
            "cpu_s": time.process_time() - self._cpu_s,
            "wall_s": (last.monotonic_ns - self._began_ns) / 1e9,
            "loop_lag_p99_ms": p99_ms,
            "loop_lag_max_ms": max_ms,
            "clock_step_ms": self._clocks.step_ns / 1e6,
            "throttled_s": self._throttled(),
        }

    def _throttled(self) -> float | None:
        before_s, after_s = self._throttled_s, throttled_s()
        return None if before_s is None or after_s is None else after_s - before_s

    def _keep_appointment(self) -> None:
        now = self._read()
        self._loop.look(now.monotonic_ns)
        self._clocks.look(now)
        self._timer.set(self._loop.next_ns)
