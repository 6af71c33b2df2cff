"""How fast requests come back and how long a race will take, by watching it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.live.follow import State
    from dragstrip.run.plan import Plan

_RATE_OVER_S = 5.0


class Clock:
    """Turns counts and slices seen at certain times into rates and the time left."""

    def __init__(self, plan: Plan, now: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self._slice_s = plan.race.slice
        self._planned = len(plan.slices)
        self._now = now
        self._slice: int | None = None
        self._since_s = now()
        self._seen: deque[tuple[float, tuple[int, int]]] = deque()

    def see(self, state: State) -> None:
        """Take in how the race stands now."""
        now_s = self._now()
        slice_ = state.slice_.index if state.slice_ else None
        if slice_ != self._slice:
            self._slice, self._since_s = slice_, now_s
        self._seen.append((now_s, (_sent(state, 0), _sent(state, 1))))
        while self._seen[0][0] < now_s - _RATE_OVER_S:
            self._seen.popleft()

    def per_s(self, target: int) -> float | None:
        """Return how many requests a target answered a second lately; None when it is too early."""
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        return None if last_s - first_s < 1 else (last[target] - first[target]) / (last_s - first_s)

    def left(self, state: State) -> str:
        """Return how long the race will take, as minutes and seconds."""
        seconds = int(self.left_s(state))
        return f"{seconds // 60}:{seconds % 60:02d}"

    def left_s(self, state: State) -> float:
        """Return how long the slices that are not over will take, in seconds."""
        to_come_s = (self._planned - state.slices_done) * self._slice_s
        under_way_s = self._now() - self._since_s if state.slice_ else 0.0
        return max(0.0, to_come_s - min(under_way_s, self._slice_s))


def _sent(state: State, target: int) -> int:
    counted = state.counted[target]
    return counted["verified"] + sum(counted["failed"].values()) + counted["uncounted"]
