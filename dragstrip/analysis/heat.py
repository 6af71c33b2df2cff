"""How long requests took over time: counts by stretches of time and by bins of response time.

The bins are logarithmic, ten a decade of milliseconds, and the warm-up is among them. The stretches
are equal and short where every process's ledger is here; else each is a slice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.analysis.aggregate import tally_of
from dragstrip.ledger.rows import Outcome, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragstrip.ledger.reader import Segment
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Run
    from dragstrip.run.plan import Plan

PER_DECADE = 10
LOWEST, HIGHEST = -2 * PER_DECADE, 5 * PER_DECADE
"""The first bin begins at 0.01 ms, the last ends at 100 s; both hold what lies beyond."""
_BINS = HIGHEST - LOWEST
MOST_STRETCHES = 240
_STEPS_S = [step * 10.0**power for power in range(-1, 6) for step in (1, 2, 5)]


@dataclass(slots=True)
class Stretch:
    """The requests of a target that were due in a stretch of time, from the first slice's start.

    `counts` are of right answers, by the bin; the others `failed`.
    """

    from_s: float
    to_s: float
    counts: dict[int, int] = field(default_factory=dict)
    failed: int = 0
    slowest_ms: float = 0.0

    @property
    def requests(self) -> int:
        """How many there were."""
        return sum(self.counts.values()) + self.failed

    def bin_of(self, share: float) -> int | None:
        """Return the bin that a quantile lies in; None where it falls among the failures."""
        left = max(math.ceil(share * self.requests), 1)
        for bin_, count in sorted(self.counts.items()):
            left -= count
            if left <= 0:
                return bin_
        return None


Heat = dict[str, list[Stretch]]
"""The stretches with requests by target, in order."""


def start_ms(bin_: int) -> float:
    """Return where a bin begins, in milliseconds."""
    return float(10 ** (bin_ / PER_DECADE))


def heat(folder: RunFolder, run: Run) -> Heat:
    """Count a run's requests over time. Raises StorageError.

    Of a target, only requests in slices of its own that are in complete pairs.
    """
    if not run.slices:
        return {}
    plan = folder.read_plan()
    reported = {worker["worker"] for one in folder.read_slices() for worker in one["workers"]}
    grid = _Grid(run, plan)
    here = {grid.add(segment) for segment in folder.read_ledger()}
    if here >= reported:
        return grid.heat()
    return _by_slices(folder, run, plan)


class _Grid:
    """Counts by (target, stretch, bin); the last bin is of failures."""

    def __init__(self, run: Run, plan: Plan) -> None:
        self._names = [target.name for target in plan.targets]
        self._first_ns = round(min(one.started for one in run.slices).timestamp() * 1e9)
        whole_s = max(one.ended for one in run.slices).timestamp() - self._first_ns / 1e9
        self._width_s = next(
            (step for step in _STEPS_S if whole_s / step <= MOST_STRETCHES), _STEPS_S[-1]
        )
        self._stretches = math.ceil(whole_s / self._width_s) or 1
        self._owner = np.full(max(one.index for one in plan.slices) + 1, -1)
        used = {one.index for one in run.slices}
        for slice_ in plan.slices:
            if slice_.index in used:
                self._owner[slice_.index] = slice_.target
        shape = (len(self._names), self._stretches)
        self._counts = np.zeros((*shape, _BINS + 1), np.int64)
        self._slowest_ns = np.zeros(shape, np.int64)

    def add(self, segment: Segment) -> int:
        """Count a segment's rows, and return whose they are."""
        rows = segment.rows
        ended = (rows["outcome"] > Outcome.IN_FLIGHT) & (rows["slice"] < len(self._owner))
        rows = select(rows, ended)
        rows = select(rows, self._owner[rows["slice"]] == rows["target"])
        target, due_ns = rows["target"], rows["scheduled_ns"]
        since_ns = due_ns + (segment.wall_ns - segment.monotonic_ns - self._first_ns)
        stretch = np.clip(since_ns // round(self._width_s * 1e9), 0, self._stretches - 1)
        took_ns = np.where(rows["outcome"] == Outcome.OK, rows["done_ns"] - due_ns, -1)
        np.add.at(self._counts, (target, stretch, _bins(took_ns)), 1)
        np.maximum.at(self._slowest_ns, (target, stretch), took_ns)
        return segment.worker

    def heat(self) -> Heat:
        """Return what was counted."""
        return {name: list(self._of(number)) for number, name in enumerate(self._names)}

    def _of(self, target: int) -> Iterator[Stretch]:
        for n in np.flatnonzero(self._counts[target].sum(axis=1)).tolist():
            counts = self._counts[target, n].tolist()
            yield Stretch(
                n * self._width_s,
                (n + 1) * self._width_s,
                {LOWEST + bin_: count for bin_, count in enumerate(counts[:-1]) if count},
                counts[-1],
                float(self._slowest_ns[target, n]) / 1e6,
            )


def _bins(took_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each duration, counted from the first; of a negative one, the last."""
    tenths = np.floor(np.log10(np.maximum(took_ns, 1) / 1e6) * PER_DECADE).astype(np.int64)
    bins: NDArray[np.int64] = np.where(
        took_ns < 0, _BINS, np.clip(tenths, LOWEST, HIGHEST - 1) - LOWEST
    )
    return bins


def _by_slices(folder: RunFolder, run: Run, plan: Plan) -> Heat:
    """Return a stretch for each slice, without the warm-up, from its histograms."""
    used = {one.index: one for one in run.slices}
    numbers = {target.name: number for number, target in enumerate(plan.targets)}
    first = min(one.started for one in run.slices)
    ends_ns = np.array([start_ms(bin_ + 1) * 1e6 for bin_ in range(LOWEST, HIGHEST)], np.int64)
    found: Heat = {name: [] for name in numbers}
    for report in folder.read_slices():
        part = used.get(report["index"])
        if part is None:
            continue
        tally = tally_of(report, numbers[part.target])
        made = Stretch(
            (part.started - first).total_seconds(),
            (part.ended - first).total_seconds(),
            failed=tally.failures,
        )
        response = tally.histograms.get("response")
        if response:
            counts = np.diff(response.at_most(ends_ns), prepend=0).tolist()
            counts[-1] += response.total - sum(counts)
            made.counts = {LOWEST + n: count for n, count in enumerate(counts) if count}
            made.slowest_ms = response.high_ns / 1e6
        found[part.target].append(made)
    return found
