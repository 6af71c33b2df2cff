"""Counts a stored run's requests again, from its ledger, and compares with what was reported.

The reports are what every printed figure is computed from; the ledger is the evidence for them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.ledger import reader
from dragstrip.ledger.rows import Outcome, Rows, select
from dragstrip.ledger.tallies import Tallies
from dragstrip.ledger.tally import COUNTS, HISTOGRAMS
from dragstrip.run.plan import LEDGER_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.ledger.reader import Segment
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.plan import Plan
    from dragstrip.run.slice_report import Finish, WorkerReport


@dataclass
class Recount:
    """What the ledger holds, and where it contradicts slices.jsonl or finish.json.

    `rows` are the rows by worker, `outcomes` their number by target and outcome. `unreported` rows
    by worker are of slices that the worker never reported: it was lost, or the race was cut short.
    """

    segments: int = 0
    bytes: int = 0
    rows: Counter[int] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    unreported: Counter[int] = field(default_factory=Counter)
    tallies: int = 0
    """Compared with slices.jsonl."""
    is_finished: bool = False
    """Whether there was a finish.json to compare with."""
    is_dropped: bool = False
    """Whether the race dropped rows once they were counted; then nothing is compared."""
    missing: list[int] = field(default_factory=list)
    """The workers that reported rows and have no part here: each keeps its own."""
    torn: list[str] = field(default_factory=list)
    """The parts of which the last row is cut off."""
    differences: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the ledger proves what was reported."""
        return not self.is_dropped and not self.differences and not self.missing


def recount(folder: RunFolder) -> Recount:
    """Count a run's requests again. Raises StorageError.

    One segment and one process's tallies are in memory at a time.
    """
    plan = folder.read_plan()
    reports = {
        (worker["worker"], one["index"]): worker
        for one in folder.read_slices()
        for worker in one["workers"]
    }
    counting = _Counting(plan, reports, folder.read_finish())
    files = reader.files(folder.path / LEDGER_FOLDER)
    torn = []
    for path in files:
        segment = reader.read(path)
        counting.take(segment)
        torn += [path.name] if segment.is_torn else []
    result = counting.conclude()
    result.torn = torn
    result.segments = len(files)
    result.bytes = sum(path.stat().st_size for path in files)
    return result


class _Counting:
    """Takes segments in the order they were written, worker by worker."""

    def __init__(
        self, plan: Plan, reports: dict[tuple[int, int], WorkerReport], finish: Finish | None
    ) -> None:
        self._names = [target.name for target in plan.targets]
        self._operations = [operation.name for operation in plan.operations]
        self._reports = reports
        self._last_words = dict(finish["workers"]) if finish else {}
        self._result = Recount(
            is_finished=finish is not None, is_dropped=plan.race.ledger == "drop"
        )
        self._worker = self._slice = -1
        self._of_slice = Tallies()
        self._of_worker = Tallies()

    def take(self, segment: Segment) -> None:
        """Count a segment's rows."""
        if segment.worker != self._worker:
            self._end_worker()
            self._worker = segment.worker
        self._result.rows[segment.worker] += len(segment.rows)
        for (target, outcome), count in _pairs(segment.rows):
            of_target = self._result.outcomes.setdefault(self._name(target), Counter())
            of_target[Outcome(outcome).name.lower()] += count
        # A slice's last answer is there before the next one's first request is begun.
        for slice_index, rows in _groups(segment.rows, "slice"):
            if slice_index != self._slice:
                self._end_slice()
                self._slice = slice_index
            self._count(rows)

    def conclude(self) -> Recount:
        """Return what was found."""
        self._end_worker()
        self._set_aside_missing()
        for worker, slice_index in sorted(self._reports):
            self._worker, self._slice = worker, slice_index
            self._end_slice()
        for name in sorted(self._last_words):
            self._worker = int(name)
            self._end_worker()
        if self._result.is_dropped:
            self._result.differences.clear()
        return self._result

    def _set_aside_missing(self) -> None:
        """Compare nothing with parts of the ledger that are not here."""
        reported = {worker for worker, _ in self._reports}
        reported |= {int(name) for name, counts in self._last_words.items() if counts["rows"]}
        missing = reported - self._result.rows.keys()
        self._result.missing = sorted(missing)
        self._reports = {
            place: report for place, report in self._reports.items() if place[0] not in missing
        }
        for worker in missing:
            self._last_words.pop(str(worker), None)

    def _count(self, rows: Rows) -> None:
        report = self._reports.get((self._worker, self._slice))
        if report is None:
            self._result.unreported[self._worker] += len(rows)
            return
        ended = select(rows, rows["outcome"] > Outcome.IN_FLIGHT)
        self._of_slice.add(ended, report["end_ns"])

    def _end_slice(self) -> None:
        report = self._reports.pop((self._worker, self._slice), None)
        if report is not None:
            reported = Tallies.decode(report["tallies"])
            self._compare(self._of_slice, reported, f"slice {self._slice}, ")
            self._result.tallies += len(reported)
            self._of_worker.merge(self._of_slice)
        self._of_slice = Tallies()
        self._slice = -1

    def _end_worker(self) -> None:
        self._end_slice()
        last_word = self._last_words.pop(str(self._worker), None)
        if last_word is not None:
            rows = self._result.rows[self._worker]
            if rows != last_word["rows"]:
                self._tell(f"worker {self._worker}", "rows", last_word["rows"], rows)
            self._compare(self._of_worker, Tallies.decode(last_word["tallies"]), "")
        self._of_worker = Tallies()

    def _compare(self, recounted: Tallies, reported: Tallies, where: str) -> None:
        for target, operation in sorted(recounted.by_place.keys() | reported.by_place.keys()):
            name = self._name(target) + self._suffix(operation)
            place = f"{where}worker {self._worker}, {name}"
            found, told = recounted.of(target, operation), reported.of(target, operation)
            for name in (*COUNTS, "failed", "failed_uncounted"):
                if getattr(found, name) != getattr(told, name):
                    self._tell(place, name, getattr(told, name), getattr(found, name))
            for name in HISTOGRAMS:
                if found.histograms.get(name) != told.histograms.get(name):
                    self._tell(place, f"{name} times", "some", "others")

    def _tell(self, place: str, what: str, reported: object, found: object) -> None:
        self._result.differences.append(
            f"{place}: {what}: {reported} reported, {found} in the ledger"
        )

    def _suffix(self, operation: int) -> str:
        """Return the operation's name where the run has several, or where it has no such one."""
        names = self._operations
        if operation >= len(names):
            return f" operation {operation}"
        return f" {names[operation]}" if len(names) > 1 else ""

    def _name(self, target: int) -> str:
        return self._names[target] if target < len(self._names) else f"target {target}"


def _groups(rows: Rows, name: str) -> Iterator[tuple[int, Rows]]:
    for value in np.unique(rows[name]).tolist():
        yield value, select(rows, rows[name] == value)


def _pairs(rows: Rows) -> Iterator[tuple[tuple[int, int], int]]:
    codes = rows["target"].astype(np.int64) << 8 | rows["outcome"]
    values, counts = np.unique(codes, return_counts=True)
    for code, count in zip(values.tolist(), counts.tolist(), strict=True):
        yield (code >> 8, code & 0xFF), count
