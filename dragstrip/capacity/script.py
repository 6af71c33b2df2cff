"""What is played in a search for two targets' capacities, decided slice by slice.

Targets take turns within each round, in an order that a seeded coin decides, so that the machine's
drift hits both alike. One that broke is asked little until it answers in time again. At the end
each is overloaded once more and asked less and less, without that rest.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.analysis.capacity import MOST_VOID
from dragstrip.capacity.search import SURE, Search
from dragstrip.run.plan import SliceLoad
from dragstrip.stats.edge import edge

if TYPE_CHECKING:
    from collections.abc import Generator

    from dragstrip.analysis.capacity import Bounds
    from dragstrip.analysis.capacity_model import CapacitySlice, Phase
    from dragstrip.config.config import RaceConfig

MOST_RECOVERIES = 20
"""Slices in which a target may fail to recover, in all; then it is not asked any more."""
RECOVERY_S = 1.0
"""Length of each of these, or a slice's, if that is less."""
_OVERLOAD = 1.5
_DOWN = 0.7
_MOST_DOWN = 6


@dataclass(frozen=True, slots=True)
class Ask:
    """The slice to play next: of which target (0: baseline), in which round and phase."""

    target: int
    round: int
    phase: Phase
    load: SliceLoad


def most_slices(bounds: Bounds) -> int:
    """Return how many slices a target can get, those to recover in left out."""
    doublings = math.ceil(math.log2(bounds.highest_per_s / bounds.lowest_per_s))
    return doublings + SURE + bounds.rounds + MOST_VOID + 1 + _MOST_DOWN


def most_requests(bounds: Bounds, race: RaceConfig) -> int:
    """Return how many requests a target can be sent, those that keep it awake left out."""
    # All doublings but the last two together are no more than one at the highest rate.
    at_highest = 3 + SURE + bounds.rounds + MOST_VOID + 1 + _MOST_DOWN
    resting = (most_slices(bounds) + MOST_RECOVERIES) * bounds.lowest_per_s * RECOVERY_S
    return math.ceil(at_highest * bounds.highest_per_s * race.slice + resting)


def most_s(bounds: Bounds, race: RaceConfig) -> float:
    """Return how long a target's slices can take, with those to recover in."""
    loaded = most_slices(bounds)
    return loaded * race.slice + (loaded + MOST_RECOVERIES) * RECOVERY_S


class Capacities:
    """The search of both targets. `given_up` are those that did not recover."""

    def __init__(self, bounds: Bounds, race: RaceConfig, seed: int) -> None:
        self.searches = [
            Search(bounds.lowest_per_s, bounds.highest_per_s, bounds.rounds) for _ in range(2)
        ]
        self.given_up: set[int] = set()
        self._bounds = bounds
        self._race = race
        self._coin = random.Random(seed)  # noqa: S311
        self._round = 0
        self._voids = [0, 0]
        self._late_recoveries = [0, 0]

    def script(self) -> Generator[Ask, CapacitySlice, None]:
        """Yield each slice to play; it is sent what the slice came to."""
        while any(search.rate is not None for search in self.searches):
            for target in self._order():
                yield from self._turn(target)
            self._round += 1
        for target in self._order():
            yield from self._descend(target)

    def _order(self) -> tuple[int, int]:
        first = self._coin.randrange(2)
        return first, 1 - first

    def _turn(self, target: int) -> Generator[Ask, CapacitySlice, None]:
        search = self.searches[target]
        if search.rate is None:
            return
        rate = search.rate
        played = yield self._ask(target, rate, "search")
        if played.outcome != "void":
            search.see(played.kept)
        else:
            self._voids[target] += 1
            if self._voids[target] > MOST_VOID:
                search.rate = None
        if played.kept < 0.5 and rate > self._bounds.lowest_per_s:
            yield from self._let_recover(target)

    def _let_recover(self, target: int) -> Generator[Ask, CapacitySlice, None]:
        while self._late_recoveries[target] < MOST_RECOVERIES:
            played = yield self._ask(target, self._bounds.lowest_per_s, "recovery")
            if played.kept >= 0.5:
                return
            self._late_recoveries[target] += 1
        self.given_up.add(target)
        self.searches[target].rate = None

    def _descend(self, target: int) -> Generator[Ask, CapacitySlice, None]:
        found = edge(self.searches[target].trials)
        if found is None or target in self.given_up or self._voids[target] > MOST_VOID:
            return
        bounds = self._bounds
        rate = min(_OVERLOAD * math.exp(found.value), bounds.highest_per_s)
        for step in range(_MOST_DOWN):
            played = yield self._ask(target, rate, "descent")
            if (played.kept >= 0.5 and step) or rate <= bounds.lowest_per_s:
                break
            rate = max(_DOWN * rate, bounds.lowest_per_s)
        yield from self._let_recover(target)

    def _ask(self, target: int, rate: float, phase: Phase) -> Ask:
        if phase == "recovery":
            load = SliceLoad(rate=rate, slice=min(RECOVERY_S, self._race.slice), warmup=0)
        else:
            load = SliceLoad(rate=rate, slice=self._race.slice, warmup=self._race.warmup)
        return Ask(target, self._round, phase, load)
