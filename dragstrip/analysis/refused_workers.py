"""Workers whose credentials a target refuses while it takes those of the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dragstrip.ledger.tallies import each

if TYPE_CHECKING:
    from dragstrip.run.slice_report import WorkerReport

REFUSALS = ("http_401", "http_403")
_BURST = 10
_TIMES_AS_OFTEN = 10


class RefusedWorker(NamedTuple):
    """A worker that alone was refused so often, and by which target, by their numbers."""

    worker: int
    target: int
    refusals: int


@dataclass(slots=True)
class Refusals:
    """Counts what each worker was refused, by target."""

    _workers: set[int] = field(default_factory=set)
    _asked: Counter[tuple[int, int]] = field(default_factory=Counter)
    _refused: Counter[tuple[int, int]] = field(default_factory=Counter)

    def see(self, report: WorkerReport) -> None:
        """Take in a worker's report of a slice."""
        self._workers.add(report["worker"])
        for target, _, form in each(report["tallies"]):
            place = report["worker"], target
            self._asked[place] += form["requests"] + form["uncounted"]
            self._refused[place] += sum(
                form[part].get(reason, 0)
                for part in ("failed", "failed_uncounted")
                for reason in REFUSALS
            )

    @property
    def is_of_several(self) -> bool:
        """Whether there is more than one worker, and one alone can be told."""
        return len(self._workers) > 1

    @property
    def alone(self) -> list[RefusedWorker]:
        """The workers that were refused ten times or more, and ten times as often as the others."""
        return [
            RefusedWorker(worker, target, count)
            for (worker, target), count in sorted(self._refused.items())
            if count >= _BURST and self._is_alone(worker, target)
        ]

    def _is_alone(self, worker: int, target: int) -> bool:
        others = [place for place in self._asked if place[1] == target and place[0] != worker]
        asked = sum(self._asked[place] for place in others)
        refused = sum(self._refused[place] for place in others)
        own = self._refused[worker, target] / self._asked[worker, target]
        return bool(asked) and refused / asked * _TIMES_AS_OFTEN <= own
