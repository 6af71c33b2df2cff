"""A race in Locust: the load shape that keeps every slot connected, and the slices' clock.

One process runs its slices itself. A master announces each slice to its workers; each times its
own share on its own clock and reports back.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import gevent
from locust import LoadTestShape
from locust.runners import WORKER_REPORT_INTERVAL, MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from dragstrip import plan as plans
from dragstrip.measure.conductor import SliceReport, conduct
from dragstrip.measure.plugin import run_slice
from dragstrip.plan import LEDGER_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locust import User
    from locust.env import Environment

    from dragstrip.measure.plugin import Work
    from dragstrip.plan import Plan, PlannedSlice

log = logging.getLogger(__name__)

EXIT_UNFINISHED = 3

_SLICE_MESSAGE = "dragstrip_slice"
_REPORT_MESSAGE = "dragstrip_slice_done"
_POLL_S = 0.02
_SPAWN_PER_S = 100
_GRACE_S = 15


class RaceShape(LoadTestShape):
    """Holds every slot of both targets until the last slice is over."""

    abstract = plans.current() is None
    course: Course | None = None

    def tick(self) -> tuple[int, float, list[type[User]] | None] | None:
        """Return (users, users per second, classes), or None when the race is over.

        The targets' slots are started one after the other: Locust deals users out to workers in
        turn, and dealing both kinds at once would give each of two workers one kind only.
        """
        course = RaceShape.course
        if course is None or course.over:
            return None
        runner = self.runner
        both_begun = runner is not None and runner.user_count >= course.users
        slots = course.slots if both_begun else course.users
        return slots, float(min(slots, _SPAWN_PER_S)), [course.user_class(1 if both_begun else 0)]


class WorkersLost(Exception):
    """A worker went away during a slice, or did not report on it."""


class Course:
    """What one Locust process does in a race, by its role."""

    def __init__(
        self,
        environment: Environment,
        plan: Plan,
        folder: Path,
        make_work: Callable[[Plan, int, Path], Work],
    ) -> None:
        self.over = False
        self.users = plan.race.users
        self.slots = 2 * plan.race.users
        self._environment = environment
        self._plan = plan
        self._folder = folder
        self._make_work = make_work
        self._finished = False
        self._reports: dict[tuple[int, str], SliceReport] = {}

    def attach(self) -> None:
        """Take up this process's role."""
        runner = self._environment.runner
        if isinstance(runner, WorkerRunner):
            self._open(runner.worker_index)
            runner.register_message(_SLICE_MESSAGE, self._on_slice, concurrent=True)
            return
        RaceShape.course = self
        if isinstance(runner, MasterRunner):
            runner.register_message(_REPORT_MESSAGE, self._on_report)
        else:
            self._open(0)
        self._environment.events.test_start.add_listener(self._start)
        self._environment.events.quitting.add_listener(self._set_exit_code)

    def user_class(self, number: int) -> type[User]:
        """Return the user class of the baseline (0) or the challenger (1)."""
        name = self._plan.targets[number].name
        classes = self._environment.user_classes
        return next(one for one in classes if getattr(one, "target_name", None) == name)

    def _open(self, worker: int) -> None:
        ledger = self._folder / LEDGER_FOLDER
        ledger.mkdir(exist_ok=True)
        self._worker = worker
        self._work = self._make_work(self._plan, worker, ledger)

    def _start(self, **_: Any) -> None:
        gevent.spawn(self._conduct)

    def _conduct(self) -> None:
        try:
            self._wait_for_slots()
            announce = isinstance(self._environment.runner, MasterRunner)
            conduct(self._plan, self._announce if announce else self._run_alone, self._folder)
            # Locust's files and its workers' reports follow at intervals: let the last one come.
            gevent.sleep((WORKER_REPORT_INTERVAL if announce else 0) + CSV_STATS_INTERVAL_SEC)
            self._finished = True
        except Exception:
            log.exception("the race stopped early")
        finally:
            self.over = True

    def _wait_for_slots(self) -> None:
        runner = self._environment.runner
        while runner is not None and runner.user_count < self.slots:
            gevent.sleep(_POLL_S)

    def _run_alone(self, turn: PlannedSlice) -> list[SliceReport]:
        return [self._run(turn, 0, 1)]

    def _run(self, turn: PlannedSlice, position: int, of: int) -> SliceReport:
        return {"worker": self._worker} | run_slice(self._plan, turn, self._work, position, of)

    def _announce(self, turn: PlannedSlice) -> list[SliceReport]:
        runner = self._environment.runner
        assert isinstance(runner, MasterRunner)  # noqa: S101
        workers = sorted(client.id for client in runner.clients.running)
        for position, worker in enumerate(workers):
            message = {"index": turn.index, "position": position, "of": len(workers)}
            runner.send_message(_SLICE_MESSAGE, message, client_id=worker)
        race = self._plan.race
        deadline = time.monotonic() + race.slice + 2 * race.timeout + _GRACE_S
        wanted = [(turn.index, worker) for worker in workers]
        while not all(key in self._reports for key in wanted):
            present = {client.id for client in runner.clients.running}
            if not present.issuperset(workers) or time.monotonic() > deadline:
                raise WorkersLost(f"slice {turn.index}: not every worker reported")
            gevent.sleep(_POLL_S)
        return [self._reports.pop(key) for key in wanted]

    def _on_slice(self, msg: Any, **_: Any) -> None:
        turn = self._plan.slices[msg.data["index"]]
        report = self._run(turn, msg.data["position"], msg.data["of"])
        runner = self._environment.runner
        assert isinstance(runner, WorkerRunner)  # noqa: S101
        runner.send_message(_REPORT_MESSAGE, {"index": turn.index, "report": report})

    def _on_report(self, msg: Any, **_: Any) -> None:
        self._reports[msg.data["index"], msg.node_id] = msg.data["report"]

    def _set_exit_code(self, **_: Any) -> None:
        self._environment.process_exit_code = 0 if self._finished else EXIT_UNFINISHED
