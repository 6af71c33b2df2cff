"""A race in Locust: the load shape that keeps every user connected, and one process's race."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
from locust import LoadTestShape
from locust.stats import CSV_STATS_INTERVAL_SEC

from dragstrip.errors import DragstripError
from dragstrip.ledger.tallies import Tallies
from dragstrip.load import locust_compat
from dragstrip.load.run_slice import run_slice
from dragstrip.load.slice_loop import AllWorkersLost, SliceOutcome, run_slices, write_finish
from dragstrip.load.user_dispatch import SPAWN_PER_S, EvenUserDispatcher
from dragstrip.run import live_stats, next_slice
from dragstrip.run.ipc import EXIT_UNFINISHED, EXIT_USAGE, EarlyStop
from dragstrip.run.live_stats import LIVE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from locust.env import Environment
    from locust.runners import Runner

    from dragstrip.load.distributed.protocol import SoFar
    from dragstrip.load.locust_user import Work
    from dragstrip.run.live_stats import Live
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import FinalCounts, Finish, WorkerReport

log = logging.getLogger(__name__)

POLL_S = 0.02
_PLACES_S = 30.0


class RaceShape(LoadTestShape):
    """Holds every connection of both targets until the last slice is over."""

    driver: RaceDriver | None = None
    _begun = False

    def tick(self) -> tuple[int, float] | None:
        """Return (users, users per second), or None when the race is over.

        Locust asks once a second by the wall clock. Waiting here instead lets it hear of the end at
        once, and spares it a pause of an hour when that clock is set back by an hour.
        """
        driver = RaceShape.driver
        if driver is None:
            return None
        driver.ready.wait()
        if self._begun:
            driver.ended.wait()
        self._begun = True
        return None if driver.ended.is_set() else (driver.users, driver.spawn_per_s)


def _write_live(folder: Path, now: Live) -> None:
    # The live view stands still; the race goes on unharmed.
    with suppress(OSError):
        live_stats.write(folder, now)


class UsersMissing(Exception):
    """Users ended as soon as they were started; Locust's log has the reason."""


class StoppedByLocust(Exception):
    """Locust ends the test: the last worker went missing, or somebody asked it to."""


class RaceDriver:
    """Drives a race in the process that says what comes next. Subclasses say who sends requests."""

    def __init__(self, environment: Environment, plan: Plan, folder: Path) -> None:
        self.users = 2 * plan.race.connections
        self.spawn_per_s = float(min(self.users, SPAWN_PER_S))
        self.places_s = self.users / SPAWN_PER_S + _PLACES_S
        self.ready = gevent.event.Event()
        self.ended = gevent.event.Event()
        self._environment = environment
        self._plan = plan
        self._folder = folder
        self._exit_code = EXIT_UNFINISHED
        self._is_complete = False

    def attach(self) -> None:
        """Take up this process's role."""
        RaceShape.driver = self
        locust_compat.use_dispatcher(self._environment, self._dispatcher)
        self._environment.events.quitting.add_listener(self._set_exit_code)
        self._prepare()
        self._driving = gevent.spawn(self._drive)

    def _dispatcher(self, **arguments: Any) -> EvenUserDispatcher:
        return EvenUserDispatcher(**arguments)

    def _drive(self) -> None:
        try:
            gevent.spawn(self._tell)
            self._gather()
            self.ready.set()
            run_slices(self._slices(), self._run_slice, self._folder)
            write_finish(self._folder, self._finish())
            self._is_complete = True
            # Locust writes its files at intervals: let the last one come.
            gevent.sleep(CSV_STATS_INTERVAL_SEC)
            self._exit_code = 0
        except AllWorkersLost:
            self._stop("every worker was lost")
        except StoppedByLocust:
            self._stop("Locust stopped the race")
        except (DragstripError, OSError, UsersMissing) as error:
            self._stop(str(error))
        except Exception as error:
            log.exception("the race stopped early")
            self._stop(repr(error))
        finally:
            self.ended.set()
            self.ready.set()

    def _stop(self, reason: str) -> None:
        log.error("the race stopped early: %s", reason)
        EarlyStop(reason).write(self._folder)

    def _tell(self) -> None:
        while not self.ended.wait(LIVE_S):
            # A disk that takes its time must not hold up the requests.
            gevent.get_hub().threadpool.apply(_write_live, (self._folder, self._live()))

    def _live(self) -> Live:
        """Return how the slice under way is doing."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Make what the plan needs, now that it will not change any more."""

    def _gather(self) -> None:
        """Wait for what must be there before users are started."""

    def _slices(self) -> Iterable[PlannedSlice]:
        return self._announced() if self._plan.is_search else self._until_decided()

    def _announced(self) -> Iterator[PlannedSlice]:
        for index in count():
            if (found := self._heard_of(index)) is None:
                return
            yield found

    def _until_decided(self) -> Iterator[PlannedSlice]:
        for slice_ in self._plan.slices:
            is_at_look = slice_.position == 0 and slice_.pair in self._plan.look_pairs
            if is_at_look and self._heard_of(slice_.index) is None:
                return
            yield slice_

    def _heard_of(self, index: int) -> PlannedSlice | None:
        """Wait for word of a slice; None where there is to be none."""
        while (found := next_slice.read(self._folder, index)) is None:
            gevent.sleep(POLL_S)
        return found.slice

    def _run_slice(self, slice_: PlannedSlice) -> SliceOutcome:
        raise NotImplementedError

    def _finish(self) -> Finish:
        raise NotImplementedError

    def _refuse(self, reason: str) -> None:
        """End the whole process before anything was sent."""
        EarlyStop(reason, before_start=True).write(self._folder)
        log.error(reason)
        self._exit_code = EXIT_USAGE
        self._runner.quit()
        # Locust may still be waiting for its first worker. In any greenlet this ends the main one.
        raise SystemExit(EXIT_USAGE)

    @property
    def _runner(self) -> Runner:
        runner = self._environment.runner
        assert runner is not None  # noqa: S101
        return runner

    def _set_exit_code(self, **_: Any) -> None:
        self._environment.process_exit_code = self._exit_code


class SingleProcessDriver(RaceDriver):
    """A race in one process."""

    def __init__(
        self, environment: Environment, plan: Plan, folder: Path, make_work: Callable[[Plan], Work]
    ) -> None:
        super().__init__(environment, plan, folder)
        self._make_work = make_work

    def _prepare(self) -> None:
        self._share = OwnShare(self._plan, self._make_work(self._plan))

    def _run_slice(self, slice_: PlannedSlice) -> SliceOutcome:
        last_s = time.monotonic() + self.places_s
        while (there := self._runner.user_count) < self.users:
            if time.monotonic() > last_s:
                raise UsersMissing(f"only {there} of {self.users} users are there")
            gevent.sleep(POLL_S)
        return SliceOutcome(time.time(), [self._share.run(slice_, 0, 1)])

    def _live(self) -> Live:
        return {**self._share.so_far(), "processes": 1, "lost": 0}

    def _finish(self) -> Finish:
        # Its connections are idle and stay so: Locust stops them as the race ends.
        counts = {"0": self._share.close()}
        return {"run_id": self._plan.run_id, "workers": counts, "lost_workers": []}


class OwnShare:
    """This process's share of every slice, and its sum."""

    def __init__(self, plan: Plan, work: Work) -> None:
        self._plan = plan
        self._work = work
        self._totals = Tallies()

    @property
    def rows(self) -> int:
        """How many requests were begun so far."""
        return self._work.ledger.begun

    def so_far(self) -> SoFar:
        """Return what the slice under way has come to."""
        counts = self._work.counts
        return {"slice": counts.slice_index, "targets": counts.briefs()}

    def run(self, slice_: PlannedSlice, position: int, of: int) -> WorkerReport:
        """Run a share of a slice and return its report."""
        self._add_up()
        return run_slice(self._plan, slice_, self._work, position, of)

    def close(self) -> FinalCounts:
        """Store what is over and return the sum; call it when no user runs any more."""
        self._work.close()
        self._add_up()
        return {"rows": self.rows, "tallies": self._totals.encode()}

    def _add_up(self) -> None:
        # Not the slice's report: should anything have ended after that, the sum will show it.
        self._totals.merge(self._work.counts.tallies)
