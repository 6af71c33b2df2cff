"""Searches for the rates that two simulated targets carry, which are known.

Of `SimulatedTargets`, a slice's share of requests over the bound grows with its rate, as a logistic
function that reaches what the quantile allows at the target's capacity. That capacity scatters from
slice to slice, and walks with the machine, which both targets share; requests of one moment fail
together. `SimulatedQueues` serve each request of a slice, and the slice is judged as a real one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from dragstrip.capacity.search import Search
from dragstrip.stats.early_stopping import chance_kept
from dragstrip.stats.edge import edge
from dragstrip.stats.paired_edges import difference
from dragstrip.stats.runaway import outgrows
from dragstrip.stats.two_proportions import effective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragstrip.stats.edge import Edge

ALLOWED = 0.05
LOWEST_PER_S, HIGHEST_PER_S = 20.0, 4_000.0
_BLOCKS = 10
_LOOK_S = 0.1
_STEPS = 3


class Breaking(Protocol):
    """How two targets break. `walk` is of the capacity's logarithm, from round to round."""

    @property
    def name(self) -> str:
        """What the tables call them."""

    @property
    def walk(self) -> float:
        """A standard deviation, which both targets share."""

    def kept(
        self,
        random: np.random.Generator,
        rate_per_s: float,
        capacity_per_s: float,
        counted_s: float,
    ) -> float:
        """Return how likely a slice kept the objective."""


@dataclass(frozen=True, slots=True)
class SimulatedTargets:
    """How two targets break. `steepness` is of the logit of the share over the log rate.

    `scatter` and `walk` are standard deviations of a capacity's logarithm, from slice to slice and
    from round to round. `likeness` is how far requests of one moment are independent; 0: wholly.
    """

    name: str
    scatter: float = 0.0
    walk: float = 0.0
    steepness: float = 30.0
    likeness: float = 50.0

    def kept(
        self,
        random: np.random.Generator,
        rate_per_s: float,
        capacity_per_s: float,
        counted_s: float,
    ) -> float:
        """Return how likely a slice kept the objective."""
        z = math.log(rate_per_s / capacity_per_s) - self.scatter * random.standard_normal()
        odds = math.exp(min(max(-self.steepness * z, -50), 50))
        share = 1 / (1 + (1 - ALLOWED) / ALLOWED * odds)
        totals = random.poisson(rate_per_s * counted_s / _BLOCKS, _BLOCKS)
        over = random.binomial(totals, self._shares(random, share))
        return chance_kept(effective(over.tolist(), totals.tolist()), ALLOWED)

    def _shares(self, random: np.random.Generator, share: float) -> NDArray[np.float64]:
        if not self.likeness:
            return np.full(_BLOCKS, share)
        return random.beta(share * self.likeness, (1 - share) * self.likeness, _BLOCKS)


@dataclass(frozen=True, slots=True)
class SimulatedQueues:
    """Each target is a queue with servers that are busy with each request for equally long.

    Its capacity is where the quantile of a long run is the objective, by the heavy-traffic
    approximation of the time that is waited (Kingman, "The single server queue in heavy traffic",
    Proceedings of the Cambridge Philosophical Society 57, 1961).
    """

    name: str = "queue, by request"
    servers: int = 8
    slo_s: float = 0.5
    walk: float = 0.0

    def kept(
        self,
        random: np.random.Generator,
        rate_per_s: float,
        capacity_per_s: float,
        counted_s: float,
    ) -> float:
        """Return how likely a slice kept the objective."""
        warmup_s = counted_s / 3
        length_s = warmup_s + counted_s
        came_s = np.sort(random.uniform(0, length_s, random.poisson(rate_per_s * length_s)))
        left_s = self._left_s(came_s, capacity_per_s)
        counted = came_s >= warmup_s
        late = (left_s - came_s > self.slo_s) & counted
        block = ((came_s - warmup_s) * _BLOCKS / counted_s).astype(int)
        totals, over = (
            np.bincount(block[which], minlength=_BLOCKS)[:_BLOCKS].tolist()
            for which in (counted, late)
        )
        looks_s = np.arange(warmup_s, length_s, _LOOK_S)
        seen = _unanswered(came_s, left_s, looks_s)
        if outgrows(looks_s, *seen, rate_per_s=rate_per_s, bound_ms=1000 * self.slo_s):
            return 0.0
        return chance_kept(effective(over, totals), ALLOWED)

    def _left_s(self, came_s: NDArray[np.float64], capacity_per_s: float) -> NDArray[np.float64]:
        # Requests that are served equally long leave in order: each server has every n-th.
        service_s = self.servers / self._served_per_s(capacity_per_s)
        left_s = np.empty_like(came_s)
        for number in range(self.servers):
            own = came_s[number :: self.servers]
            busy_s = service_s * np.arange(len(own))
            left_s[number :: self.servers] = (
                np.maximum.accumulate(own - busy_s) + busy_s + service_s
            )
        return left_s

    def _served_per_s(self, capacity_per_s: float) -> float:
        """Return what the servers serve when they are never idle."""
        # The share that waits longer than t falls as exp(-2 (1 - load) served t).
        per_s = capacity_per_s
        for _ in range(_STEPS):
            wait_s = self.slo_s - self.servers / per_s
            per_s = capacity_per_s - math.log(ALLOWED) / (2 * wait_s)
        return per_s


@dataclass(frozen=True, slots=True)
class SimulatedSearch:
    """A search's two edges and their difference, each with the truth; `slices` were played."""

    edges: list[tuple[Edge | None, float]]
    apart: tuple[Edge | None, float]
    slices: int


def search_both(
    targets: Breaking, random: np.random.Generator, *, rounds: int, counted_s: float
) -> SimulatedSearch:
    """Search both targets' edges, round by round."""
    capacities = random.uniform(math.log(3 * LOWEST_PER_S), math.log(HIGHEST_PER_S / 3), 2)
    searches = [Search(LOWEST_PER_S, HIGHEST_PER_S, rounds) for _ in capacities]
    machine, seen = 0.0, []
    while any(one.rate for one in searches):
        machine += targets.walk * random.standard_normal()
        if not any(one.is_bracketing for one in searches):
            seen.append(machine)
        for search, capacity in zip(searches, capacities, strict=True):
            if search.rate is not None:
                carried = math.exp(capacity + machine)
                search.see(targets.kept(random, search.rate, carried, counted_s))
    # What is measured is the capacity while it is measured.
    truth = capacities + (np.mean(seen) if seen else 0.0)
    baseline, challenger = (one.trials for one in searches)
    return SimulatedSearch(
        [(edge(one.trials), float(at)) for one, at in zip(searches, truth, strict=True)],
        (difference(baseline, challenger), float(truth[1] - truth[0])),
        len(baseline) + len(challenger),
    )


def _unanswered(
    came_s: NDArray[np.float64], left_s: NDArray[np.float64], looks_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many requests are in flight at each look, and their mean age in milliseconds."""
    begun = np.searchsorted(came_s, looks_s, side="right")
    ended = np.searchsorted(left_s, looks_s, side="right")
    sums = np.concatenate([[0.0], np.cumsum(came_s)])
    count = begun - ended
    ages_s = looks_s - (sums[begun] - sums[ended]) / np.maximum(count, 1)
    return count.astype(float), np.where(count > 0, 1000 * ages_s, 0.0)
