"""What the connections of one process share, and what their requests come to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import monotonic_ns
from typing import TYPE_CHECKING

from dragstrip.errors import StorageError
from dragstrip.load import arrivals
from dragstrip.load.asked_keys import AskedKeys
from dragstrip.load.closed_pacing import ClosedPacing, ProfilePacing
from dragstrip.load.collector import Collector
from dragstrip.load.dispatcher import Dispatcher
from dragstrip.load.http.clients import client_maker
from dragstrip.load.locust_stats import LocustStats
from dragstrip.load.sender import Sender
from dragstrip.load.slice_counts import SliceCounts
from dragstrip.scenario.planned import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from locust.env import Environment

    from dragstrip.config.config import RaceConfig
    from dragstrip.config.load_profile import LoadProfile
    from dragstrip.ledger.rows import Rows
    from dragstrip.ledger.writer import Ledger
    from dragstrip.load.health import Reading
    from dragstrip.load.http.client import Client
    from dragstrip.load.http.request import Prepared
    from dragstrip.load.objective import OverObjective
    from dragstrip.run.plan import Plan
    from dragstrip.scenario import Check, Operation, Reply, Scenario, Target

log = logging.getLogger(__name__)

LAB_MARK = " (lab)"
"""Ends the name of a lab's target in Locust's statistics: they describe a stand-in."""

_COLLECT_S = 0.25
_COLLECT_IN_RACE_S = 1.0
"""How often rows are counted. Each time holds up the event loop for a moment, and a race's requests
are not to be late for that: its snapshots go out once a second."""

_REQUESTS = 16_384
"""Prepared requests kept for each target and operation: a few hundred bytes each."""


@dataclass
class Work:
    """What the users of this process share; it is made once Locust knows the process's role.

    `racing` users wait for `run_slice`; others pace themselves at race.rate / race.connections.
    """

    race: RaceConfig
    scenario: Scenario
    seed: int
    targets: dict[str, Target]
    worker: int
    ledger: Ledger
    racing: bool = False
    lab: bool = False
    folder: Path | None = None
    """The run's folder on this machine; None outside a race."""
    dispatchers: dict[str, Dispatcher] = field(init=False)
    counts: SliceCounts = field(init=False)
    over: OverObjective | None = None
    """Of a search: what its slices are held against."""
    clocks: Reading | None = None
    """Both clocks as the last slice left them."""
    collector: Collector = field(init=False)

    def __post_init__(self) -> None:
        self.dispatchers = {name: Dispatcher() for name in self.targets} if self.racing else {}
        self.counts = SliceCounts()
        self._feeds: list[Callable[[Rows], None]] = [self.counts] if self.racing else []
        if self.over:
            self._feeds.append(self.over)
        period_s = _COLLECT_IN_RACE_S if self.racing else _COLLECT_S
        self.collector = Collector(self.ledger, self._feeds, period_s)
        self._new_client = {
            name: client_maker(target, self.race) for name, target in self.targets.items()
        }
        self._requests: dict[str, list[Callable[[int], Prepared]]] = {}
        self._checks: dict[str, list[Check]] = {}
        self._asked: AskedKeys | None = None
        self._attached = False
        self._connections_started = self._connections_open = 0
        self._began_ns = 0
        self._operations = list(self.scenario.operations)
        self.sends_again = self.racing and any(one.sent_again for one in self._operations)

    def asked_keys(self, plan: Plan) -> AskedKeys:
        """Return what is known of the keys that the race has asked for."""
        if self._asked is None:
            self._asked = AskedKeys(plan)
        return self._asked

    def attach(self, environment: Environment) -> None:
        """Feed an environment's statistics from now on."""
        if self._attached:
            return
        self._attached = True
        self._feeds.append(
            LocustStats(
                environment.stats,
                [self._labels(name) for name in self.targets],
                methods=[operation.method for operation in self._operations],
                urls=[target.url for target in self.targets.values()],
                fire=environment.events.request.fire if self._fires_events else None,
            )
        )
        self.collector.start()

    def _labels(self, target: str) -> list[str]:
        """Return the names of a target's entries in Locust's statistics, one for each operation."""
        mark = LAB_MARK if self.lab else ""
        if len(self._operations) == 1:
            return [target + mark]
        return [f"{target} {operation.name}{mark}" for operation in self._operations]

    def new_client(self, target: str) -> Client:
        """Return a new connection to a target."""
        return self._new_client[target]()

    def sender(self, target: str, connection: Client) -> Sender:
        """Return the loop of a new connection. A target's connections share prepared requests."""
        self._connections_started += 1
        self._connections_open += 1
        if target not in self._requests:
            asked, operations = self.targets[target], self._operations
            self._requests[target] = [self._prepared(asked, one, connection) for one in operations]
            self._checks[target] = [self._check(asked, n) for n in range(len(operations))]
        return Sender(
            self.dispatchers[target] if self.racing else self._closed_pacing(),
            self.ledger,
            connection,
            self._requests[target],
            self._checks[target],
            target=list(self.targets).index(target),
            number=self._connections_started,
            failed=partial(self._over, self.targets[target]) if self.sends_again else None,
        )

    def _check(self, target: Target, number: int) -> Check:
        operation = self._operations[number]
        check = self.scenario.check(target, operation)
        if not (self.sends_again and operation.sent_again):
            return check

        def checked(key: int, reply: Reply) -> int:
            outcome = check(key, reply)
            self._over(target, number, key, outcome)
            return outcome

        return checked

    def _over(self, target: Target, number: int, key: int, outcome: int) -> None:
        """Send a request again after its answer or failure, if the scenario says so."""
        operation = self._operations[number]
        if not operation.sent_again:
            return
        after_s = self.scenario.again(target, operation, key, outcome)
        if after_s is not None:
            due_ns = monotonic_ns() + round(after_s * 1e9)
            self.dispatchers[target.name].again(due_ns, key, number)

    def _prepared(
        self, target: Target, operation: Operation, connection: Client
    ) -> Callable[[int], Prepared]:
        def prepare(key: int) -> Prepared:
            return connection.prepare(self.scenario.request(target, operation, key))

        return lru_cache(_REQUESTS)(prepare) if operation.repeats else prepare

    def connection_closed(self) -> None:
        """Note that a connection closed. When the last one has, count every request.

        So it is before Locust prints its statistics, or a worker sends its last.
        """
        self._connections_open -= 1
        if self._connections_open == 0:
            self.collector.collect()

    def close(self) -> None:
        """Count and store what is over; call it when no user runs any more."""
        self.collector.stop()
        self.ledger.close()
        self._finish()
        for dispatcher in self.dispatchers.values():
            dispatcher.close()

    def _finish(self) -> None:
        if self.folder is None:
            return
        try:
            self.scenario.finish(self.folder, self.worker)
        except StorageError as error:
            # What was measured is stored already, and counts without it.
            log.warning("%s", error.message)

    @property
    def _fires_events(self) -> bool:
        return self.race.request_events or self.race.otel

    def _closed_pacing(self) -> ClosedPacing:
        seed = (self.seed, self.worker, self._connections_started)
        keys = arrivals.key_stream(self.race, self.scenario.keys, seed)
        operations = arrivals.operation_stream(planned(self.scenario), seed)
        shape = self.race.shape
        if shape is None:
            return ClosedPacing(keys, self.race.rate / self.race.connections, operations)
        return ProfilePacing(keys, self._times_of_user(shape, seed), operations)

    def _times_of_user(self, shape: LoadProfile, seed: Sequence[int]) -> Iterator[int]:
        now_ns = monotonic_ns()
        if self._connections_open == 1:
            self._began_ns = now_ns
        began_ns = self._began_ns
        # Of several processes, none knows which users the others have.
        number = None if self.worker else self._connections_started - 1
        from_s = (now_ns - began_ns) / 1e9
        times_s = arrivals.times_of_user(self.race, shape, seed, number, from_s)
        return (began_ns + round(time_s * 1e9) for time_s in times_s)
