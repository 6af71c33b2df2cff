"""What the slots of one process share, and what their lookups come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dragstrip.load import arrivals
from dragstrip.load.closed_pacing import OwnPace
from dragstrip.load.collector import Harvester
from dragstrip.load.dispatcher import Pacer
from dragstrip.load.locust_stats import LocustStats
from dragstrip.load.sender import Sender
from dragstrip.load.slice_counts import SliceCounts
from dragstrip.run.plan import PlannedOperation
from dragstrip.scenario.check import Judge, canonical, table_bits_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

    from dragstrip.config.config import RaceConfig
    from dragstrip.ledger.rows import Rows
    from dragstrip.ledger.writer import Ledger
    from dragstrip.load.health import Reading
    from dragstrip.load.http.client import Client
    from dragstrip.load.http.request import Prepared
    from dragstrip.scenario import Target

LAB_MARK = " (lab)"
"""Ends the name of a lab's target in Locust's statistics: they describe a stand-in."""

_HARVEST_S = 0.25
_HARVEST_IN_RACE_S = 1.0
"""How often rows are counted. Each time holds up the event loop for a moment, and a race's lookups
are not to be late for that: its snapshots go out once a second."""

_REQUESTS = 16_384
"""Prepared requests kept for each user class: a few hundred bytes each."""


@dataclass
class Work:
    """What the users of this process share; scenarios make it once Locust knows its role.

    Keys run below `contacts`, and `expected` gives the right answer to each in the `form` compared.
    `racing` users wait for `run_slice`; others pace themselves at race.rate / race.users.
    """

    race: RaceConfig
    contacts: int
    seed: int
    targets: dict[str, Target]
    expected: Callable[[int], bytes]
    worker: int
    ledger: Ledger
    racing: bool = False
    lab: bool = False
    operations: tuple[PlannedOperation, ...] = (PlannedOperation(name="lookup"),)
    form: Callable[[object], bytes] = canonical
    pacers: dict[str, Pacer] = field(init=False)
    counts: SliceCounts = field(init=False)
    clocks: Reading | None = None
    """Both clocks as the last slice left them."""
    harvester: Harvester = field(init=False)

    def __post_init__(self) -> None:
        self.pacers = {name: Pacer() for name in self.targets} if self.racing else {}
        self.counts = SliceCounts()
        self._feeds: list[Callable[[Rows], None]] = [self.counts] if self.racing else []
        period_s = _HARVEST_IN_RACE_S if self.racing else _HARVEST_S
        self.harvester = Harvester(self.ledger, self._feeds, period_s)
        self._judge = Judge(self.expected, form=self.form, table_bits=table_bits_for(self.contacts))
        self._requests: dict[type, Callable[[int], Prepared]] = {}
        self._attached = False
        self._slots_started = self._slots_open = 0

    def attach(self, environment: Environment) -> None:
        """Feed an environment's statistics from now on."""
        if self._attached:
            return
        self._attached = True
        self._feeds.append(
            LocustStats(
                environment.stats,
                [self._labels(name) for name in self.targets],
                methods=[operation.method for operation in self.operations],
                urls=[target.url for target in self.targets.values()],
                fire=environment.events.request.fire if self._fires_events else None,
            )
        )
        self.harvester.start()

    def _labels(self, target: str) -> list[str]:
        """Return the names of a target's entries in Locust's statistics, one for each operation."""
        mark = LAB_MARK if self.lab else ""
        if len(self.operations) == 1:
            return [target + mark]
        return [f"{target} {operation.name}{mark}" for operation in self.operations]

    def sender(
        self,
        target: str,
        client: Client,
        prepare: Callable[[int], Prepared],
        *,
        shared_by: type | None,
    ) -> Sender:
        """Return the loop of a new slot; its class, if given, shares what is prepared for a key."""
        self._slots_started += 1
        self._slots_open += 1
        if shared_by is not None:
            prepare = self._requests.setdefault(shared_by, lru_cache(_REQUESTS)(prepare))
        return Sender(
            self.pacers[target] if self.racing else self._own_pace(),
            self.ledger,
            client,
            [prepare],
            [self._judge],
            target=list(self.targets).index(target),
            number=self._slots_started,
        )

    def slot_closed(self) -> None:
        """Take note of a slot's end. At the last one's, every lookup is counted.

        So it is before Locust prints its statistics, or a worker sends its last.
        """
        self._slots_open -= 1
        if self._slots_open == 0:
            self.harvester.harvest()

    def snapshot(self) -> dict[str, Any]:
        """Return the lookups begun so far, the slice under way, and its tallies up to now."""
        return {
            "rows": self.ledger.begun,
            "slice": self.counts.slice_index,
            "tallies": self.counts.encode(),
        }

    def close(self) -> None:
        """Count and store what is over; call it when no user runs any more."""
        self.harvester.stop()
        self.ledger.close()
        for pacer in self.pacers.values():
            pacer.close()

    @property
    def _fires_events(self) -> bool:
        return self.race.request_events or self.race.otel

    def _own_pace(self) -> OwnPace:
        seed = (self.seed, self.worker, self._slots_started)
        keys = arrivals.key_stream(self.race, self.contacts, seed)
        operations = arrivals.operation_stream(self.operations, seed)
        return OwnPace(keys, self.race.rate / self.race.users, operations)
