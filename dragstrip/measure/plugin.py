"""What Locust sees of the instrument: a user that is a connection slot, and a race's slices.

In a race a slot takes the next arrival of its target's lane, waits until it is due and performs
it. Without a race each user works by itself at an even pace, which is a closed model: a slow
answer delays that user's next lookup.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import gevent
import gevent.event
import gevent.socket
import numpy as np
from locust import User, constant_throughput, task

from dragstrip.ledger.tally import Tally
from dragstrip.measure import arrivals, lookup
from dragstrip.measure.connection import Connection
from dragstrip.measure.http_limits import Limits
from dragstrip.measure.lane import Arrival, Lane
from dragstrip.plan import PARENT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.config import RaceConfig
    from dragstrip.ledger.writer import Ledger
    from dragstrip.plan import Plan, PlannedSlice
    from dragstrip.targets import Request, Target

log = logging.getLogger(__name__)

LAB_MARK = " (lab)"
"""Ends the name of a lab's target in Locust's statistics: they describe a stand-in."""

_LEAD_NS = 20_000_000
_DRAIN_POLL_S = 0.01
_PRIORITY = -10


class LookupFailed(Exception):
    """A lookup's failure as Locust's statistics show it: the reason and nothing that varies."""


class Pace(Protocol):
    """Decides when a user makes its next lookup, and keeps what became of it."""

    def next(self) -> Arrival:
        """Block until a lookup is due and return it."""

    def begin(self, arrival: Arrival) -> int:
        """Take note of a lookup that is about to be sent; return what `finish` is to be told."""

    def finish(self, row: int, result: lookup.Result) -> None:
        """Take note of a lookup that is over."""


class Closed:
    """One user at its own pace; Locust's wait time spaces its lookups."""

    def __init__(self, keys: Iterator[int]) -> None:
        self._keys = keys

    def next(self) -> Arrival:
        """Return a lookup that is due now."""
        # Locust kills a user whose pause is ending as it stops. Let that strike here, before
        # anything is sent; later, a stop waits for the answer.
        gevent.sleep(0)
        return Arrival(time.monotonic_ns(), next(self._keys), -1, 0)

    def begin(self, arrival: Arrival) -> int:  # noqa: ARG002
        """Do nothing: Locust's statistics are the only record."""
        return 0

    def finish(self, row: int, result: lookup.Result) -> None:
        """Do nothing."""


class Track:
    """One target's side of a race in this process: its lane, shared by its slots."""

    def __init__(self, number: int, ledger: Ledger) -> None:
        self.lane = Lane()
        self._number = number
        self._ledger = ledger
        self._loaded = gevent.event.Event()

    def load(self, *args: Any, **kwargs: Any) -> None:
        """Begin a slice; see Lane.load."""
        self.lane.load(*args, **kwargs)
        self._loaded.set()

    def next(self) -> Arrival:
        """Block until an arrival is there and due, and return it."""
        while (arrival := self.lane.take(time.monotonic_ns())) is None:
            self._loaded.clear()
            self._loaded.wait()
        pause_ns = arrival.due_ns - time.monotonic_ns()
        if pause_ns > 0:
            gevent.sleep(pause_ns / 1e9)
        return arrival

    def begin(self, arrival: Arrival) -> int:
        """Write the first half of the lookup's row."""
        return lookup.begin(self._ledger, arrival, self._number)

    def finish(self, row: int, result: lookup.Result) -> None:
        """Write the other half."""
        lookup.end(self._ledger, row, result)
        self.lane.done()

    def abandon(self) -> None:
        """Write down the arrivals that no slot was ever free for."""
        for arrival in self.lane.abandon():
            lookup.give_up(self._ledger, arrival, self._number)


@dataclass
class Work:
    """What the users of this process share; scenarios make it once Locust knows its role."""

    race: RaceConfig
    contacts: int
    seed: int
    targets: dict[str, Target]
    expected: Callable[[int], bytes]
    worker: int
    tracks: dict[str, Track]
    ledger: Ledger | None = None
    lab: bool = False
    users_started: int = 0

    def pace(self, target: str) -> Pace:
        """Return the pace of a new user of a target."""
        if self.tracks:
            return self.tracks[target]
        self.users_started += 1
        seed = (self.seed, self.worker, self.users_started)
        return Closed(arrivals.key_stream(self.race, self.contacts, seed))


class Slot(User):
    """A user that makes lookups over one connection. Subclasses say for which target, and how."""

    abstract = True
    target_name: ClassVar[str]
    work: ClassVar[Work]

    def request(self, key: int) -> Request:
        """Return the request for a key of the dataset."""
        raise NotImplementedError

    def wait_time(self) -> float:
        """Return the pause before the next lookup: none in a race, else the configured pace."""
        if self.work.tracks:
            return 0.0
        per_user = self.work.race.rate / self.work.race.users
        return float(constant_throughput(per_user)(self))

    def on_start(self) -> None:
        """Open the slot."""
        self.target = self.work.targets[self.target_name]
        self.label = self.target_name + (LAB_MARK if self.work.lab else "")
        self.pace = self.work.pace(self.target_name)
        limits = Limits.of(self.work.race)
        self.connection = Connection(self.target.url, limits, ca_file=self.target.ca_file)

    def on_stop(self) -> None:
        """Close the slot's connection."""
        self.connection.close()

    @task
    def lookup(self) -> None:
        """Take the next lookup, perform it, and tell the record and Locust's statistics."""
        arrival = self.pace.next()
        row = self.pace.begin(arrival)
        result = lookup.perform(arrival, self.connection, self.request, self.work.expected)
        self.pace.finish(row, result)
        failure = result.failure
        self.environment.events.request.fire(
            request_type="GET",
            name=self.label,
            response_time=result.response_ms,
            response_length=result.size,
            exception=LookupFailed(failure) if failure else None,
            context={},
            url=self.target.url,
            response=None,
        )


def run_slice(plan: Plan, turn: PlannedSlice, work: Work, position: int, of: int) -> dict[str, Any]:
    """Run this process's share of a slice, wait for its answers, and report how it went."""
    tracks = list(work.tracks.values())
    start_ns = time.monotonic_ns() + _LEAD_NS
    cpu_s = time.process_time()
    for number, track in enumerate(tracks):
        active = number == turn.target
        due = arrivals.of_slice(plan, turn) if active else arrivals.trickle(plan, turn)
        track.load(
            due.share(position, of),
            slice_index=turn.index,
            start_ns=start_ns,
            counted_from_ns=start_ns + round(plan.race.settle * 1e9) if active else None,
        )
    end_ns = start_ns + round(plan.race.slice * 1e9)
    gevent.sleep((end_ns - time.monotonic_ns()) / 1e9)
    cpu_s = time.process_time() - cpu_s
    wall_s = (time.monotonic_ns() - start_ns + _LEAD_NS) / 1e9
    _drain(tracks, plan.race.timeout)
    return {
        "start_ns": start_ns,
        "end_ns": end_ns,
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "tallies": _tallies(work.ledger, end_ns),
    }


def _tallies(ledger: Ledger | None, end_ns: int) -> dict[str, Any]:
    tallies: dict[int, Tally] = {}
    for rows in ledger.harvest() if ledger else ():
        for target in np.unique(rows["target"]).tolist():
            tally = tallies.setdefault(target, Tally())
            tally.add(rows[rows["target"] == target], end_ns)
    return {str(target): tally.encode() for target, tally in tallies.items()}


def _drain(tracks: list[Track], timeout_s: float) -> None:
    # Whoever answers slowly must be waited for, or the slower side would look faster.
    _wait_until_idle(tracks, timeout_s)
    for track in tracks:
        track.abandon()
    _wait_until_idle(tracks, timeout_s + 1)


def _wait_until_idle(tracks: list[Track], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and not all(track.lane.idle for track in tracks):
        gevent.sleep(_DRAIN_POLL_S)


def come_first() -> None:
    """Ask for a higher priority than the services under test, where the system grants it.

    In the lab they share this machine, and a generator that waits for them sends late.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however that came about.

    The parent holds the other end of a pipe and never writes to it.
    """
    descriptor = os.environ.get(PARENT_VARIABLE)
    if descriptor is None:
        return

    def watch() -> None:
        gevent.socket.wait_read(int(descriptor))
        os._exit(3)

    gevent.spawn(watch)
