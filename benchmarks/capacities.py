"""Searches for the rates that two simulated targets carry, which are known.

A slice's share of requests over the bound grows with its rate, as a logistic function that reaches
what the quantile allows at the target's capacity. That capacity scatters from slice to slice, and
walks with the machine, which both targets share; requests of one moment fail together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.capacity.search import Search
from dragstrip.stats.early_stopping import chance_kept
from dragstrip.stats.edge import difference, edge
from dragstrip.stats.two_proportions import effective

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragstrip.stats.edge import Edge

ALLOWED = 0.05
LOWEST_PER_S, HIGHEST_PER_S = 20.0, 4_000.0
_BLOCKS = 10


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


@dataclass(frozen=True, slots=True)
class SimulatedSearch:
    """A search's two edges and their difference, each with the truth; `slices` were played."""

    edges: list[tuple[Edge | None, float]]
    apart: tuple[Edge | None, float]
    slices: int


def search_both(
    targets: SimulatedTargets, random: np.random.Generator, *, rounds: int, counted_s: float
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
                at = math.log(search.rate) - capacity - machine
                search.see(_kept(targets, random, at, search.rate * counted_s))
    # What is measured is the capacity while it is measured.
    truth = capacities + (np.mean(seen) if seen else 0.0)
    baseline, challenger = (one.trials for one in searches)
    return SimulatedSearch(
        [(edge(one.trials), float(at)) for one, at in zip(searches, truth, strict=True)],
        (difference(baseline, challenger), float(truth[1] - truth[0])),
        len(baseline) + len(challenger),
    )


def _kept(
    targets: SimulatedTargets, random: np.random.Generator, at: float, requests: float
) -> float:
    z = targets.steepness * (at - targets.scatter * random.standard_normal())
    share = 1 / (1 + (1 - ALLOWED) / ALLOWED * math.exp(min(max(-z, -50), 50)))
    totals = random.poisson(requests / _BLOCKS, _BLOCKS)
    over = random.binomial(totals, _shares(targets, random, share))
    return chance_kept(effective(over.tolist(), totals.tolist()), ALLOWED)


def _shares(
    targets: SimulatedTargets, random: np.random.Generator, share: float
) -> NDArray[np.float64]:
    if not targets.likeness:
        return np.full(_BLOCKS, share)
    spread = targets.likeness
    return random.beta(share * spread, (1 - share) * spread, _BLOCKS)
