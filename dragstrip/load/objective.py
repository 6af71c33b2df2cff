"""A search's slice, held against the objective: how many requests miss it, and when to end it."""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING

import gevent
import numpy as np

from dragstrip.analysis.operations import decisive
from dragstrip.ledger.rows import Flag, Outcome
from dragstrip.stats.runaway import outgrows, runs_away

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from dragstrip.load.context import Work
    from dragstrip.load.schedule import Span
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import OverCounts

BLOCKS = 10
"""Stretches of a slice that are counted apart: whether requests fail together shows there."""

_LOOK_S = 0.1
_LOOKS = 40
"""At least, in a slice."""
_HOPELESS = 20
"""So many counted requests without one that is right, and no more are made."""
_COUNTED, _OK = int(Flag.COUNTED), int(Outcome.OK)


class OverObjective:
    """A collector's feed: the counted requests of a slice, and those that fail or take too long.

    Of several operations, of the one that the rule looks at.
    """

    def __init__(self, plan: Plan) -> None:
        self.slo_ms = plan.rules.slo_ms
        name = decisive(plan.operations, plan.rules.operation)
        self._operation = name and [one.name for one in plan.operations].index(name)
        self._span: Span | None = None
        self._clear()

    def begin(self, span: Span) -> None:
        """Begin a slice."""
        self._span = span
        self._clear()

    def _clear(self) -> None:
        self._requests = np.zeros(BLOCKS, np.int64)
        self._over = np.zeros(BLOCKS, np.int64)

    def __call__(self, rows: Rows) -> None:
        """Count rows."""
        if self._span is None:
            return
        counted = (rows["flags"] & _COUNTED) != 0
        if self._operation is not None:
            counted &= rows["operation"] == self._operation
        due_ns = rows["scheduled_ns"]
        length_ns = self._span.end_ns - self._span.counted_from_ns
        late = (rows["outcome"] != _OK) | (rows["done_ns"] - due_ns > self.slo_ms * 1e6)
        blocks = (due_ns - self._span.counted_from_ns) * BLOCKS // length_ns
        self._requests += np.bincount(blocks[counted], minlength=BLOCKS)
        self._over += np.bincount(blocks[counted & late], minlength=BLOCKS)

    def watch(self, plan: Plan, slice_: PlannedSlice, work: Work) -> Watch:
        """Return what ends a slice early."""
        assert self._span is not None  # noqa: S101
        return Watch(plan, slice_, work, self._span.counted_from_ns)

    def encode(self) -> OverCounts:
        """Return the counts as in WorkerReport."""
        return {"requests": self._requests.tolist(), "over": self._over.tolist()}


class Watch:
    """Looks at the requests that are not answered yet while a target has its slice."""

    def __init__(self, plan: Plan, slice_: PlannedSlice, work: Work, counted_from_ns: int) -> None:
        self.is_cut = False
        self._plan = plan
        self._counted_from_s = counted_from_ns / 1e9
        self._target = slice_.target
        self._work = work
        self._dispatcher = list(work.dispatchers.values())[slice_.target]
        self._looks: list[tuple[float, float, float]] = []

    def wait(self, end_ns: int) -> None:
        """Wait for the slice's end, unless there is no point in waiting that long."""
        look_s = min(_LOOK_S, self._plan.race.slice / _LOOKS)
        while (now_ns := monotonic_ns()) < end_ns:
            if self._runs_away(now_ns) or self._is_hopeless():
                self.is_cut = True
                return
            gevent.sleep(min(look_s, (end_ns - now_ns) / 1e9))

    @property
    def grew(self) -> bool:
        """Whether the target fell behind at a pace that it cannot keep up."""
        counted = [one for one in self._looks if one[0] >= self._counted_from_s]
        if not counted:
            return False
        rate_per_s, slo_ms = self._plan.race.rate, self._plan.rules.slo_ms
        return outgrows(*zip(*counted, strict=True), rate_per_s=rate_per_s, bound_ms=slo_ms)

    def _runs_away(self, now_ns: int) -> bool:
        if self._plan.race.profile:
            # What is in flight rises and falls with it.
            return False
        due_ns = self._work.ledger.unanswered(self._target)
        waiting = self._plan.race.rate * self._dispatcher.overdue_ns(now_ns) / 1e9
        age_ms = float((now_ns - due_ns).mean()) / 1e6 if len(due_ns) else 0.0
        self._looks.append((now_ns / 1e9, len(due_ns) + waiting, age_ms))
        # A short rise is a burst; what cannot keep the objective any more is late already.
        return age_ms > self._plan.rules.slo_ms and runs_away(*zip(*self._looks, strict=True))

    def _is_hopeless(self) -> bool:
        tallies = self._work.counts.tallies.by_place
        own = [tally for (target, _), tally in tallies.items() if target == self._target]
        requests = sum(tally.requests for tally in own)
        return requests >= _HOPELESS and not any(tally.verified for tally in own)
