"""The interval against simulated experiments whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from dragstrip.analysis.ratio import Interval, interval, pairs_needed

EXPERIMENTS = 1000


def experiment(random: np.random.Generator, pairs: int, ratio: float) -> Interval:
    """Simulate slices that drift together, wander together and scatter each for itself."""
    drift = np.linspace(0, random.normal(0, 0.5), 2 * pairs)
    wander = np.zeros(2 * pairs)
    for n in range(1, 2 * pairs):
        wander[n] = 0.7 * wander[n - 1] + random.normal(0, 0.05)
    logs = math.log(40) + drift + wander + random.normal(0, 0.08, 2 * pairs)
    first = random.integers(0, 2)
    baseline, challenger = [], []
    for pair in range(pairs):
        challenger_first = (first + pair) % 2 == 0
        a, b = logs[2 * pair], logs[2 * pair + 1]
        challenger.append(math.exp(a if challenger_first else b) * ratio)
        baseline.append(math.exp(b if challenger_first else a))
    found = interval(baseline, challenger)
    assert found is not None
    return found


@pytest.mark.parametrize("pairs", [6, 10, 20])
@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_the_interval_covers_the_truth_as_often_as_it_says(pairs: int, ratio: float) -> None:
    random = np.random.default_rng(pairs)
    found = [experiment(random, pairs, ratio) for _ in range(EXPERIMENTS)]
    coverage = np.mean([one.low <= ratio <= one.high for one in found])
    # 95 % less four standard errors of the simulation, and not so wide as to say nothing.
    assert 0.925 <= coverage <= 0.985


def test_an_interval_is_the_t_interval_of_the_log_ratios() -> None:
    baseline, challenger = [10.0, 20.0, 15.0, 30.0], [5.0, 11.0, 7.0, 16.0]
    found = interval(baseline, challenger)
    logs = np.log(np.array(challenger) / np.array(baseline))
    low, high = stats.t.interval(0.95, 3, logs.mean(), stats.sem(logs))

    assert found is not None
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_swapping_the_sides_mirrors_the_interval() -> None:
    sides = ([10.0, 20.0, 15.0], [5.0, 11.0, 7.0])
    one, other = interval(*sides), interval(*sides[::-1])
    assert one is not None
    assert other is not None
    assert other.ratio == pytest.approx(1 / one.ratio)
    assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low))


@pytest.mark.parametrize(
    "sides",
    [
        ([], []),
        ([1.0], [2.0]),
        ([1.0, math.nan], [1.0, 1.0]),
        ([1.0, math.inf], [1.0, 1.0]),
        ([1.0, 0.0], [1.0, 1.0]),
    ],
)
def test_what_cannot_be_compared_gives_no_interval(sides: tuple[list[float], list[float]]) -> None:
    assert interval(*sides) is None


def test_the_minimum_detectable_effect_is_detected_four_times_out_of_five() -> None:
    random = np.random.default_rng(4)
    pairs, deviation = 12, 0.1
    reach = stats.t.ppf(0.975, pairs - 1) + stats.t.ppf(0.8, pairs - 1)
    effect = math.expm1(reach * deviation / math.sqrt(pairs))
    detected = 0
    for _ in range(EXPERIMENTS):
        logs = random.normal(math.log1p(effect), deviation, pairs)
        found = interval(np.ones(pairs).tolist(), np.exp(logs).tolist())
        assert found is not None
        detected += found.low > 1
    assert detected / EXPERIMENTS == pytest.approx(0.8, abs=0.05)


def test_pairs_needed_is_the_fewest_that_settle_it() -> None:
    found = interval([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.7, 1.2, 0.8, 1.05, 0.75, 1.0])
    assert found is not None
    assert found.high > 1

    def settles(one: Interval) -> bool:
        return one.high < 1

    needed = pairs_needed(found, settles)
    assert needed is not None
    mean, freedom = math.log(found.ratio), needed - 1

    def high(pairs: int) -> float:
        half = stats.t.ppf(0.975, pairs - 1) * found.deviation / math.sqrt(pairs)
        return math.exp(mean + half)

    assert freedom >= 5
    assert high(needed) < 1 <= high(needed - 1)


def test_pairs_needed_gives_up_where_no_number_settles_it() -> None:
    found = interval([1.0, 1.0, 1.0], [0.5, 2.0, 1.0])
    assert found is not None
    assert pairs_needed(found, lambda one: one.high < 1) is None
