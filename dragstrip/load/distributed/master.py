"""A race as the master conducts it: roll call, slices shared among workers, their last counts."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING, Any, cast

import gevent
from locust.runners import MasterRunner

from dragstrip.load import locust_compat
from dragstrip.load.distributed import seal
from dragstrip.load.distributed.protocol import MasterEnd
from dragstrip.load.distributed.worker import HELLO, ORDERS, PLAN, SNAPSHOT, versions
from dragstrip.load.race_driver import POLL_S, RaceDriver, StoppedByLocust
from dragstrip.load.slice_loop import AllWorkersLost, SliceCoordinator, SliceOutcome, write_finish
from dragstrip.load.user_dispatch import EvenUserDispatcher, share_users
from dragstrip.run.ipc import EXIT_UNFINISHED, WAIT_VARIABLE
from dragstrip.scenario.find import find, version_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locust.env import Environment

    from dragstrip.load.distributed.protocol import Snapshot
    from dragstrip.run.live_stats import Live
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import Finish

log = logging.getLogger(__name__)

_NAMED_STRANGERS = 20


class RaceMaster(RaceDriver):
    """Conducts a race of as many workers as Locust was told to expect, or more."""

    def __init__(
        self,
        environment: Environment,
        plan: Plan,
        folder: Path,
        *,
        lab: bool,
        handoff: bytes | None = None,
    ) -> None:
        super().__init__(environment, plan, folder)
        options = environment.parsed_options
        self._expected: int = options.expect_workers if options else 1
        self._has_own_workers = bool(options and options.processes)
        self._wait_s = float(os.environ.get(WAIT_VARIABLE, "60"))
        self._terms = {"lab": lab, "handoff": handoff, "versions": versions()}
        self._offer: dict[str, Any] | None = None
        self._end = MasterEnd(plan.run_id)
        self._ids: dict[int, str] = {}
        self._unfit: dict[str, str] = {}
        self._strangers: set[str] = set()
        self._pids: dict[str, int | None] = {}
        self._chosen: set[str] = set()
        self._last_second = time.monotonic()

    def _prepare(self) -> None:
        scenario = version_of(find(self._plan.scenario.name))
        plan = self._plan.model_dump_json()
        self._offer = {**self._terms, "plan": plan, "scenario": scenario}
        self._coordinator = SliceCoordinator(
            self._plan, self._end, present=self._present, send=self._send, pause=self._pause
        )

    def attach(self) -> None:
        """Take up the role."""
        # Locust handles it only after a race; until then workers would be left behind.
        gevent.signal_handler(signal.SIGTERM, self._quit)
        master = self._master
        sealing = seal.current()
        if sealing:
            sealing.on_stranger = self._on_stranger
        locust_compat.survive_foreign_messages(master)
        locust_compat.on_message(master, HELLO, self._on_hello)
        locust_compat.on_message(master, SNAPSHOT, self._on_snapshot)
        super().attach()

    def _quit(self) -> None:
        self._master.quit()
        raise SystemExit(EXIT_UNFINISHED)

    @property
    def _master(self) -> MasterRunner:
        runner = self._environment.runner
        assert isinstance(runner, MasterRunner)  # noqa: S101
        return runner

    def _dispatcher(self, **arguments: Any) -> EvenUserDispatcher:
        return EvenUserDispatcher(**arguments, takes_part=lambda node: node in self._chosen)

    def _on_stranger(self, frame: bytes) -> None:
        name = seal.claimed_name(frame)
        if name not in self._strangers and len(self._strangers) < _NAMED_STRANGERS:
            self._strangers.add(name)
            log.error("refused %s: it does not know the race's token", name)
        # A worker that has another token hears of it, and need not wait.
        locust_compat.answer_stranger(self._master, name)

    def _on_hello(self, worker: str, hello: dict[str, Any]) -> None:
        if self._offer is None:
            # There is no plan yet; it will say hello again.
            return
        problem = hello["problem"]
        if problem:
            log.error("worker %s cannot take part: %s", worker, problem)
            self._unfit[worker] = str(problem)
            locust_compat.send_away(self._master, worker)
        elif worker not in self._unfit:
            self._pids[worker] = hello.get("pid")
            self._master.send_message(PLAN, self._offer, client_id=worker)

    def _on_snapshot(self, sender: str, snapshot: dict[str, Any]) -> None:
        if snapshot["run_id"] != self._plan.run_id:
            # It is left over from another master on this port.
            locust_compat.send_away(self._master, sender)
            return
        worker = locust_compat.worker_number(self._master, sender)
        self._ids[worker] = sender
        self._end.hear(cast("Snapshot", {**snapshot, "worker": worker}))
        self._send(worker)

    def _send(self, worker: int) -> None:
        orders = self._end.orders(worker)
        self._master.send_message(ORDERS, {**orders}, client_id=self._ids[worker])

    def _gather(self) -> None:
        while len(self._end.members) < self._expected:
            no_others = self._has_own_workers and self._unfit
            if self._end.seconds >= self._wait_s or no_others:
                self._refuse(self._who_came())
            for worker in locust_compat.connected_workers(self._master):
                # While it takes in its plan it says nothing, on a busy machine for long.
                locust_compat.keep_alive(self._master, worker)
            self._pause()
        self._choose(self._end.members)

    def _who_came(self) -> str:
        came = f"{len(self._end.members)} of {self._expected} workers came"
        reasons = "; ".join(f"one cannot take part: {why}" for why in self._unfit.values())
        if reasons:
            return f"{came}: {reasons}"
        strangers = ", ".join(sorted(self._strangers))
        refused = f"; refused, for want of the race's token: {strangers}" if strangers else ""
        return f"{came} within {self._wait_s:g} s{refused}"

    def _run_slice(self, slice_: PlannedSlice) -> SliceOutcome:
        try:
            return self._coordinator.run_slice(slice_)
        except AllWorkersLost:
            write_finish(self._folder, self._coordinator.outcome())
            raise

    def _live(self) -> Live:
        return self._end.live()

    def _finish(self) -> Finish:
        return self._coordinator.finish()

    def _pause(self) -> None:
        gevent.sleep(POLL_S)
        self._look_around()
        self._heed_locust()
        now = time.monotonic()
        if now - self._last_second >= 1:
            self._last_second = now
            self._end.elapse()
        self._dismiss_the_lost()

    def _look_around(self) -> None:
        connected = locust_compat.connected_workers(self._master)
        for worker in self._end.members:
            key = self._ids[worker]
            if key not in connected:
                self._end.lose(worker, "left")
            elif self._has_own_workers and _is_dead(self._pids.get(key)):
                self._end.lose(worker, "was lost")
            else:
                # Whether a worker is lost is for the race to say. Locust has less patience, and
                # ends the test when it misses the last one's heartbeat for four seconds.
                locust_compat.keep_alive(self._master, key)

    def _heed_locust(self) -> None:
        # Locust ends a test when its last worker leaves.
        if locust_compat.is_ending(self._master):
            if locust_compat.has_responsive_workers(self._master):
                raise StoppedByLocust
            for worker in self._end.members:
                self._end.lose(worker, "was lost")

    def _dismiss_the_lost(self) -> None:
        # Locust would count on a lost worker again as soon as it came back to life.
        connected = locust_compat.connected_workers(self._master)
        for worker in self._end.lost:
            if self._ids[worker] in connected:
                log.error("worker %d %s", worker, self._end.lost[worker])
                self._send(worker)
                locust_compat.forget_worker(self._master, self._ids[worker])

    def _choose(self, workers: list[int]) -> None:
        self._chosen = self._ids_of(workers)

    def _ids_of(self, workers: list[int]) -> set[str]:
        return {self._ids[worker] for worker in workers}

    def _present(self, eligible: Callable[[], list[int]]) -> list[int]:
        """Share the users anew if the workers are others than before, and wait for them."""
        last_s = self._end.seconds + self.places_s
        while workers := eligible():
            if self._ids_of(workers) != self._chosen:
                self._choose(workers)
                self._master.start(self.users, self.spawn_per_s)
                last_s = self._end.seconds + self.places_s
            missing = self._not_in_place(workers)
            if not missing:
                return [worker for worker in workers if all(self._users_on(worker).values())]
            late = self._end.seconds >= last_s
            for worker in missing:
                # While it starts them it may say nothing, on a busy machine for long.
                self._end.excuse(worker)
                if late:
                    self._end.lose(worker, "did not start its users")
            self._pause()
        return []

    def _not_in_place(self, workers: list[int]) -> list[int]:
        names = [one.__name__ for one in self._environment.user_classes]
        wanted = share_users(self.users, sorted(self._chosen), names)
        return [one for one in workers if self._users_on(one) != wanted.get(self._ids[one])]

    def _users_on(self, worker: int) -> dict[str, int]:
        names = [one.__name__ for one in self._environment.user_classes]
        users = locust_compat.users_on(self._master, self._ids[worker])
        return {name: users.get(name, 0) for name in names}


def _is_dead(child: int | None) -> bool:
    if child is None:
        return False
    try:
        # Locust collects its children itself, at the end.
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, child, how) is not None
    except ChildProcessError:  # it came from elsewhere
        return False
