"""A race as a worker goes through it: it gets its plan, runs its shares, and reports on them."""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
from locust.runners import WorkerRunner
from pydantic import ValidationError

from dragstrip.errors import DragstripError
from dragstrip.load import locust_compat
from dragstrip.load.distributed.proof import problem_of
from dragstrip.load.distributed.protocol import SNAPSHOT_S, WorkerEnd
from dragstrip.load.race_driver import OwnShare
from dragstrip.redact import redact
from dragstrip.run.ipc import EXIT_UNFINISHED, EXIT_USAGE, RUNS_VARIABLE
from dragstrip.run.plan import Plan
from dragstrip.scenario.find import find, version_of
from dragstrip.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from dragstrip.load.distributed.protocol import Orders, SliceShare
    from dragstrip.load.locust_user import Work

log = logging.getLogger(__name__)

HELLO = "dragstrip_hello"
PLAN = "dragstrip_plan"
SNAPSHOT = "dragstrip_snapshot"
ORDERS = "dragstrip_orders"

_FAREWELL_S = 3
_PATIENCE_S = 30


def versions() -> dict[str, str]:
    """Return what must be the same in every process: it decides what is due when, and for whom."""
    return {
        "dragstrip": VERSION,
        "numpy": version("numpy"),
    }


class Unfit(Exception):
    """This worker cannot take part in the race that it was offered."""


class RaceWorker:
    """Takes part in the race of whichever master it is connected to.

    `make_work(plan, lab, worker, handoff)` makes what the users need, in the classes that
    Locust runs.
    """

    def __init__(
        self, environment: Environment, make_work: Callable[[Plan, bool, int, bytes | None], Work]
    ) -> None:
        runner = environment.runner
        assert isinstance(runner, WorkerRunner)  # noqa: S101
        self._environment = environment
        self._runner = runner
        self._make_work = make_work
        self._news = gevent.event.Event()
        self._offered = gevent.event.Event()
        self._share: OwnShare | None = None
        self._end: WorkerEnd | None = None
        self._plan: Plan | None = None
        self._unanswered_s = 0.0
        self._exit_code: int | None = None

    def attach(self) -> None:
        """Take up the role."""
        locust_compat.on_message(self._runner, PLAN, self._on_plan, concurrent=True)
        locust_compat.on_message(self._runner, ORDERS, self._on_orders)
        self._environment.events.quitting.add_listener(self._set_exit_code)
        gevent.spawn(self._talk)

    def _talk(self) -> None:
        # Whatever is lost on the way is said again.
        while self._end is None:
            self._say_hello(None)
            self._news.wait(SNAPSHOT_S)
        while self._unanswered_s < _PATIENCE_S:
            self._news.clear()
            self._send_snapshot(self._end)
            if not self._news.wait(SNAPSHOT_S):
                self._unanswered_s += SNAPSHOT_S
        sys.stderr.write("error: the master has fallen silent\n")
        self._runner.quit()

    def _say_hello(self, problem: str | None) -> None:
        hello = {"versions": versions(), "problem": problem, "pid": os.getpid()}
        self._runner.send_message(HELLO, hello)

    def _send_snapshot(self, end: WorkerEnd) -> None:
        assert self._share is not None  # noqa: S101
        snapshot = end.snapshot(self._share.rows, self._share.so_far())
        self._runner.send_message(SNAPSHOT, {**snapshot})

    def _on_plan(self, _: str, offer: dict[str, Any]) -> None:
        if self._offered.is_set():
            return
        self._offered.set()
        try:
            self._accept(offer)
        except (Unfit, DragstripError, OSError) as error:
            self._refuse(str(error))

    def _accept(self, offer: dict[str, Any]) -> None:
        try:
            theirs, document, scenario = offer["versions"], offer["plan"], offer["scenario"]
            lab, handoff = offer["lab"], offer["handoff"]
        except (KeyError, TypeError):
            raise Unfit("the master's offer is not of this version's form") from None
        for name, ours in versions().items():
            if theirs.get(name) != ours:
                raise Unfit(f"{name} is {ours} here and {theirs.get(name)} at the master")
        try:
            plan = Plan.model_validate_json(document)
        except ValidationError as error:
            raise Unfit(f"the master's plan is none: {error.errors()[0]['msg']}") from None
        ours = version_of(find(plan.scenario.name))
        if ours != scenario:
            raise Unfit(
                f"scenario {plan.scenario.name} is version {ours} here and {scenario} at the master"
            )
        worker = locust_compat.own_number(self._runner)
        work = self._make_work(plan, lab, worker, handoff)
        # Those that the master forked have its keys and its network.
        if RUNS_VARIABLE in os.environ and (problem := problem_of(work)):
            raise Unfit(problem)
        self._share = OwnShare(plan, work)
        self._plan = plan
        self._end = WorkerEnd(plan.run_id, worker)
        self._news.set()

    def _refuse(self, problem: str) -> None:
        sys.stderr.write(f"error: this worker cannot take part: {problem}\n")
        self._exit_code = EXIT_USAGE
        self._say_hello(problem)
        # The master sends away a worker that cannot take part.
        gevent.sleep(_FAREWELL_S)
        self._runner.quit()

    def _on_orders(self, _: str, orders: Orders) -> None:
        if self._end is None:
            return
        self._unanswered_s = 0.0
        was_finishing = self._end.finishing
        share = self._end.hear(orders)
        if share:
            gevent.spawn(self._run, self._end, share)
        if self._end.finishing and not was_finishing:
            gevent.spawn(self._finish, self._end)
        if self._end.dismissed:
            sys.stderr.write("error: the master has given this worker up\n")
            gevent.spawn(self._runner.quit)

    def _run(self, end: WorkerEnd, share: SliceShare) -> None:
        assert self._share is not None  # noqa: S101
        assert self._plan is not None  # noqa: S101
        try:
            planned = self._plan.slices[share.slice]
            end.complete(self._share.run(planned, share.position, share.of))
        except Exception as error:
            log.exception("slice %d cannot be run", share.slice)
            end.fail(error.message if isinstance(error, DragstripError) else redact(repr(error)))
        self._news.set()

    def _finish(self, end: WorkerEnd) -> None:
        assert self._share is not None  # noqa: S101
        self._runner.stop()
        totals = self._share.close()
        locust_compat.send_counts(self._runner)
        end.finish(totals)
        self._news.set()

    def _set_exit_code(self, **_: Any) -> None:
        if self._exit_code is None:
            settled = self._end is not None and self._end.settled
            self._exit_code = 0 if settled else EXIT_UNFINISHED
        self._environment.process_exit_code = self._exit_code
