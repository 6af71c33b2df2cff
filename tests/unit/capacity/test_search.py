"""The search for a rate, against simulated targets whose capacity is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.capacities import SimulatedTargets, search_both
from dragstrip.capacity.search import Search

if TYPE_CHECKING:
    from dragstrip.stats.edge import Edge


def played(search: Search, capacity: float) -> list[float]:
    """Search a cliff, and return the rates asked."""
    rates = []
    while (rate := search.rate) is not None:
        rates.append(rate)
        search.see(1.0 if rate <= capacity else 0.0)
        assert len(rates) < 100
    return rates


@given(st.floats(25, 900), st.integers(5, 30))
@settings(max_examples=50)
def test_a_cliff_is_doubled_up_to_and_then_walked_along(capacity: float, rounds: int) -> None:
    search = Search(20, 1000, rounds)
    rates = played(search, capacity)
    first_broken = next(k for k, rate in enumerate(rates) if rate > capacity)
    assert rates[:first_broken] == [20 * 2**k for k in range(first_broken)]
    assert len(rates) == first_broken + 1 + rounds
    assert all(20 <= rate <= 1000 for rate in rates)
    assert max(rates) <= 2 * capacity * 1.001
    if rounds > 8:
        assert rates[-1] == pytest.approx(capacity, rel=0.09)


@pytest.mark.parametrize(("capacity", "bound"), [(10, "lowest"), (2000, "highest")])
def test_a_target_that_never_breaks_or_always_does_is_asked_twice(
    capacity: float, bound: str
) -> None:
    search = Search(20, 1000, 10)
    rates = played(search, capacity)
    assert search.stuck_at == bound
    assert rates[-2:] == [rates[-1]] * 2
    assert len(rates) <= 8


@pytest.mark.parametrize(
    "targets", [SimulatedTargets("cliff", steepness=400, likeness=0), SimulatedTargets("queue")]
)
def test_intervals_hold_what_simulated_targets_carry(targets: SimulatedTargets) -> None:
    random = np.random.default_rng(5)
    found = [search_both(targets, random, rounds=10, counted_s=3.0) for _ in range(40)]
    edges = [one for search in found for one in (*search.edges, search.apart)]
    held = [_holds(edge, truth) for edge, truth in edges]
    assert sum(held) / len(held) >= 0.936


def _holds(edge: Edge | None, truth: float) -> bool:
    return edge is not None and edge.low <= truth <= edge.high
