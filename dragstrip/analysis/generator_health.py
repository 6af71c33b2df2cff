"""What slices' reports say beside their counts: how the generator's processes fared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragstrip.analysis.evidence import Witness
from dragstrip.analysis.refused_workers import Refusals
from dragstrip.ledger.rows import OF_THIS_MACHINE
from dragstrip.ledger.tallies import each

if TYPE_CHECKING:
    from dragstrip.ledger.tallies import Form
    from dragstrip.run.slice_report import FinalCounts, Finish, SliceReport, WorkerReport


@dataclass(slots=True)
class GeneratorHealth:
    """Sees every slice's report once, voided ones too, and keeps a few numbers for each process."""

    seen: set[int] = field(default_factory=set)
    _wrong: int = 0
    _own_limits: Counter[str] = field(default_factory=Counter)
    _cpu: float = 0.0
    _clock_step_ms: float = 0.0
    _throttled: float | None = None
    _lags_ms: dict[int, list[float]] = field(default_factory=dict)
    _rows: Counter[int] = field(default_factory=Counter)
    _latest: set[int] = field(default_factory=set)
    _refusals: Refusals = field(default_factory=Refusals)

    def see(self, report: SliceReport) -> None:
        """Take in a slice's report."""
        self.seen.add(report["index"])
        self._latest = {worker["worker"] for worker in report["workers"]}
        for worker in report["workers"]:
            self._see_worker(worker)
            self._refusals.see(worker)

    def witness(
        self, finish: Finish | None, send_delay_p99_ms: float, *, whole: bool, interrupted: bool
    ) -> Witness:
        """Return the worst of what was seen; `whole` says that no planned slice is missing.

        The event loop's lag is the worst process's mean, over slices, of its p99 in each. Without
        last words, a process counts as lost when the last slice has no report of it.
        """
        missing = len(self._rows.keys() - self._latest)
        return Witness(
            wrong_answers=self._wrong,
            own_limits=self._own_limits,
            send_delay_p99_ms=send_delay_p99_ms,
            loop_lag_ms=max((sum(one) / len(one) for one in self._lags_ms.values()), default=0.0),
            cpu=self._cpu,
            clock_step_ms=self._clock_step_ms,
            throttled=self._throttled,
            lost_workers=len(finish["lost_workers"]) if finish else missing,
            lost_rows=self._lost_rows(finish, interrupted=interrupted) if whole else None,
            refused_workers=self._refusals.alone if self._refusals.is_of_several else None,
        )

    def _see_worker(self, worker: WorkerReport) -> None:
        number = worker["worker"]
        self._wrong += sum(form["wrong"] for *_, form in each(worker["tallies"]))
        for *_, form in each(worker["tallies"]):
            for failed in (form["failed"], form["failed_uncounted"]):
                self._own_limits.update({r: failed[r] for r in OF_THIS_MACHINE if r in failed})
        self._rows[number] += _rows(worker["tallies"])
        self._cpu = max(self._cpu, worker["cpu_s"] / worker["wall_s"] if worker["wall_s"] else 0.0)
        self._clock_step_ms = max(self._clock_step_ms, abs(worker.get("clock_step_ms", 0.0)))
        throttled_s = worker.get("throttled_s")
        if throttled_s is not None and worker["wall_s"]:
            self._throttled = max(self._throttled or 0.0, throttled_s / worker["wall_s"])
        if "loop_lag_p99_ms" in worker:
            self._lags_ms.setdefault(number, []).append(worker["loop_lag_p99_ms"])

    def _lost_rows(self, finish: Finish | None, *, interrupted: bool) -> int | None:
        """Count the rows by which processes' final counts differ from the sums of their slices.

        All of them, when a race that ended by itself left no final counts.
        """
        if finish is None:
            return None if interrupted else sum(self._rows.values())
        finals = {int(worker): counts for worker, counts in finish["workers"].items()}
        silent = self._rows.keys() - finals.keys() - set(finish["lost_workers"])
        return sum(_apart(counts, self._rows[worker]) for worker, counts in finals.items()) + sum(
            self._rows[worker] for worker in silent
        )


def _apart(finals: FinalCounts, in_slices: int) -> int:
    counted = _rows(finals["tallies"])
    return max(abs(finals["rows"] - in_slices), abs(counted - in_slices))


def _rows(tallies: Form) -> int:
    return sum(form["requests"] + form["uncounted"] for *_, form in each(tallies))
