"""Outages: when a target gave nobody an answer, and when one worker alone could not reach it.

Both come from what each process noted of each tenth of a second; see dragstrip.ledger.reach.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragstrip.ledger.reach import ANSWERS, SILENCE, TENTH_S, decode, laid_over, stretches
from dragstrip.run.model import Outage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dragstrip.run.slice_report import SliceReport

LEAST_S = 1.0
LEAST_TENTHS = 3
"""A shorter silence, or one in fewer tenths of a second, is failures like any other."""


class Outages:
    """Takes in a race's slices in their order; voided ones, too."""

    def __init__(self, names: Sequence[str]) -> None:
        self.is_known = False
        """Whether any process noted when the targets answered; earlier versions' did not."""
        self._names = names
        self._first_s = 0.0
        self._zero_ns: dict[int, int] = {}
        """When the first slice began, by each worker's own clock."""
        self._silences: dict[tuple[int | None, int], _Silences] = defaultdict(_Silences)
        """By worker, None for all together, and target."""

    def see(self, report: SliceReport) -> None:
        """Take in a slice. Raises StorageError."""
        self.is_known |= any("reached" in worker for worker in report["workers"])
        at_s = self._at_s(report)
        for target in range(len(self._names)):
            reaches = {
                worker["worker"]: decode(worker.get("reached", {}).get(str(target), ""))
                for worker in report["workers"]
            }
            self._silences[None, target].see(at_s, laid_over(list(reaches.values())))
            if len(reaches) > 1:
                for worker, states in reaches.items():
                    self._silences[worker, target].see(at_s, states)

    def _at_s(self, report: SliceReport) -> float:
        """Return when a slice began, in seconds since the first one did."""
        starts_ns = {worker["worker"]: worker["start_ns"] for worker in report["workers"]}
        known = starts_ns.keys() & self._zero_ns.keys()
        if known:
            worker = min(known)
            at_ns = max(starts_ns[worker] - self._zero_ns[worker], 0)
        else:
            self._first_s = self._first_s or report["started"]
            at_ns = max(round((report["started"] - self._first_s) * 1e9), 0)
        for worker, start_ns in starts_ns.items():
            self._zero_ns.setdefault(worker, start_ns - at_ns)
        return at_ns / 1e9

    @property
    def found(self) -> list[Outage]:
        """The outages so far: those of targets, then those of single workers."""
        whole = list(self._of(None))
        workers = sorted({worker for worker, _ in self._silences if worker is not None})
        alone = [one for worker in workers for one in self._of(worker)]
        return whole + [one for one in alone if not any(_is_within(one, other) for other in whole)]

    def _of(self, worker: int | None) -> Iterator[Outage]:
        for target, name in enumerate(self._names):
            silences = self._silences.get((worker, target))
            for from_s, to_s in silences.outages() if silences else ():
                yield Outage(
                    target=name, worker=worker, from_s=round(from_s, 1), to_s=round(to_s, 1)
                )


def words(outage: Outage) -> str:
    """Return what happened to whom."""
    when = f"from {outage.from_s:.1f} s to {outage.to_s:.1f} s"
    if outage.worker is None:
        return f"{outage.target} was unreachable {when}"
    return f"worker {outage.worker} alone could not reach {outage.target} {when}"


def _is_within(one: Outage, other: Outage) -> bool:
    """Whether one worker's outage is no more than what all saw, within the least that counts."""
    overlap = min(one.to_s, other.to_s) - max(one.from_s, other.from_s)
    return one.target == other.target and one.to_s - one.from_s - overlap < LEAST_S


@dataclass(slots=True)
class _Silences:
    """The silences of one target, which may go on from one slice to the next."""

    over: list[tuple[float, float]] = field(default_factory=list)
    _from_s: float = 0.0
    _to_s: float = 0.0
    _tenths: int = 0

    def see(self, at_s: float, states: NDArray[np.uint8]) -> None:
        for state, first, count in stretches(states):
            if state == SILENCE:
                if not self._tenths:
                    self._from_s = at_s + first * TENTH_S
                self._to_s = at_s + (first + count) * TENTH_S
                self._tenths += count
            elif state == ANSWERS:
                self.over = self.outages()
                self._tenths = 0

    def outages(self) -> list[tuple[float, float]]:
        """Return those that are long enough, the one that goes on included."""
        counts = self._tenths >= LEAST_TENTHS and self._to_s - self._from_s >= LEAST_S
        return [*self.over, (self._from_s, self._to_s)] if counts else self.over
