"""Runs a race's slices one after the other and notes when each began and ended.

In one process a slice is run directly; a master announces it to its workers and waits for all that
are still there.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from dragstrip import atomic_file
from dragstrip.run.plan import FINISH_FILE, SLICES_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dragstrip.load.distributed.protocol import MasterEnd
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import Finish, SliceReport, WorkerReport

_GRACE_S = 15


class SliceOutcome(NamedTuple):
    """A slice that is over: when it began, its reports, and why it must not be used, if so."""

    started: float
    reports: list[WorkerReport]
    void: str | None = None


class AllWorkersLost(Exception):
    """Every worker is lost."""


def run_slices(
    slices: Iterable[PlannedSlice],
    run_slice: Callable[[PlannedSlice], SliceOutcome],
    folder: Path,
) -> None:
    """Run every slice; one line per finished slice goes to `slices.jsonl`.

    Raises OSError where it cannot be written, and what `run_slice` raises.
    """
    with (folder / SLICES_FILE).open("ab") as file:
        for slice_ in slices:
            outcome = run_slice(slice_)
            line: SliceReport = {
                "index": slice_.index,
                "started": outcome.started,
                "ended": time.time(),
                "void": outcome.void,
                "workers": outcome.reports,
            }
            file.write(orjson.dumps(line) + b"\n")
            file.flush()


def write_finish(folder: Path, finish: Finish) -> None:
    """Store finish.json. Raises OSError."""
    atomic_file.write_json(folder / FINISH_FILE, finish, durable=True)


class SliceCoordinator:
    """Lets the workers of a master run slices together.

    `present` brings the users into place on the workers that it is given, and returns those that
    have some. `send` sends a worker its orders. `pause` lets others run for a moment, and lets
    seconds pass at `end`.
    """

    def __init__(
        self,
        plan: Plan,
        end: MasterEnd,
        *,
        present: Callable[[Callable[[], list[int]]], list[int]],
        send: Callable[[int], Any],
        pause: Callable[[], Any],
    ) -> None:
        self._plan = plan
        self._end = end
        self._present = present
        self._send = send
        self._pause = pause
        self._crew: list[int] = []

    def run_slice(self, slice_: PlannedSlice) -> SliceOutcome:
        """Share a slice among the workers present. Raises AllWorkersLost.

        A worker that is lost before it has reported makes the slice void; the others' reports are
        waited for, so that all is quiet when the next one begins.
        """
        if slice_.position == 0:
            self._crew = []
        workers = self._crew = self._workers_present()
        started = time.time()
        self._end.announce(slice_.index, workers)
        for worker in workers:
            self._send(worker)
        race = self._plan.race
        self._wait(workers, race.slice + 2 * race.timeout, lambda one: bool(self._report(one)))
        missing = [worker for worker in workers if not self._report(worker)]
        void = "; ".join(f"worker {one} {self._end.lost[one]}" for one in missing)
        reports = [report for one in workers if (report := self._report(one))]
        return SliceOutcome(started, reports, void or None)

    def finish(self) -> Finish:
        """Ask the workers for their totals and wait for them."""
        self._end.finish()
        for worker in self._end.members:
            self._send(worker)
        limit_s = 2 * self._plan.race.timeout
        self._wait(self._end.members, limit_s, lambda one: one in self._end.totals)
        return self.outcome()

    def outcome(self) -> Finish:
        """Return what is known of the workers now."""
        return {
            "run_id": self._plan.run_id,
            "workers": {str(worker): totals for worker, totals in self._end.totals.items()},
            "lost_workers": sorted(self._end.lost),
        }

    def _report(self, worker: int) -> WorkerReport | None:
        return self._end.report_of(worker)

    def _workers_present(self) -> list[int]:
        while not (workers := self._present(self._eligible)):
            if not self._end.members:
                raise AllWorkersLost
            self._pause()
        return workers

    def _eligible(self) -> list[int]:
        """Return who may take part: both slices of a pair are for the same workers."""
        members = self._end.members
        return [worker for worker in members if worker in self._crew] or members

    def _wait(self, workers: list[int], limit_s: float, is_done: Callable[[int], bool]) -> None:
        last_s = self._end.seconds + limit_s + _GRACE_S
        while left := [one for one in workers if not is_done(one) and one not in self._end.lost]:
            if self._end.seconds > last_s:
                for worker in left:
                    self._end.lose(worker, "did not finish")
            self._pause()
