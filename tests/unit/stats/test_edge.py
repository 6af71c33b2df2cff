"""Edges of known probits and of cliffs, and what may not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.stats.early_stopping import chance_kept, outcome
from dragstrip.stats.edge import Trial, difference, edge
from dragstrip.stats.runaway import runs_away
from dragstrip.stats.two_proportions import Proportion


def trials(true: float, spread: float, count: int = 400, seed: int = 1) -> list[Trial]:
    random = np.random.default_rng(seed)
    rates = true + random.uniform(-0.3, 0.3, count)
    kept = random.normal(true, spread, count) > rates
    return [Trial(float(x), float(y)) for x, y in zip(rates, kept, strict=True)]


@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_many_trials_find_a_known_edge_closely(spread: float) -> None:
    found = edge(trials(5.0, spread))
    assert found is not None
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(5.0, abs=spread / 3)
    assert found.high - found.low < 1.5 * spread


@given(st.floats(3, 8), st.floats(0.02, 0.4))
@settings(max_examples=25)
def test_a_cliffs_interval_holds_all_that_lies_between_kept_and_broken(
    true: float, gap: float
) -> None:
    found = edge([Trial(true - gap / 2, 1.0), Trial(true + gap / 2, 0.0)] * 8)
    assert found is not None
    assert found.low <= true - gap / 2 * 0.9
    assert found.high >= true + gap / 2 * 0.9
    assert found.value == pytest.approx(true, abs=0.01)


def test_one_sided_trials_have_no_edge() -> None:
    assert edge([Trial(3.0, 1.0), Trial(4.0, 1.0)]) is None
    assert edge([Trial(3.0, 0.0), Trial(4.0, 0.2)]) is None
    assert difference([Trial(3.0, 1.0), Trial(4.0, 0.0)], [Trial(3.0, 1.0)]) is None


def test_the_difference_of_targets_is_that_of_their_edges_and_turns_its_sign() -> None:
    one, other = trials(5.0, 0.05), trials(5.7, 0.08, seed=2)
    there, back = difference(one, other), difference(other, one)
    assert there is not None
    assert back is not None
    assert there.low < 0.7 < there.high
    assert there.value == pytest.approx(0.7, abs=0.05)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-there.value, -there.high, -there.low), abs=0.011
    )


@pytest.mark.parametrize(
    ("over", "total", "word"),
    [(0, 58, "open"), (0, 59, "kept"), (1, 59, "open"), (7, 59, "broken"), (0, 0, "open")],
)
def test_a_slice_is_kept_from_as_many_requests_as_the_binomial_needs(
    over: int, total: int, word: str
) -> None:
    # 0.95 ** 59 < 0.05 < 0.95 ** 58: LoadGen's least number of queries for a p95 at 95 %.
    assert outcome(Proportion(over, total), 0.05) == word


@given(st.integers(1, 2000), st.floats(0, 1))
def test_what_is_certain_is_likely(total: int, share: float) -> None:
    found = Proportion(share * total, total)
    chance = chance_kept(found, 0.05)
    assert 0 <= chance <= 1
    if (word := outcome(found, 0.05)) != "open":
        assert (chance > 0.9) == (word == "kept")


def test_a_queue_that_grows_runs_away_and_a_busy_one_does_not() -> None:
    times = [0.1 * k for k in range(20)]
    noise = np.random.default_rng(3).normal(0, 1, (2, 20))
    growing = [5 * k + n for k, n in enumerate(noise[0])]
    steady = (20 + noise[1]).tolist()
    assert runs_away(times, growing, [2 * one for one in growing])
    assert not runs_away(times, growing, steady)
    assert not runs_away(times, steady, growing)
    assert not runs_away(times[:5], growing[:5], growing[:5])
    assert not runs_away(times, [math.pi] * 20, growing)
