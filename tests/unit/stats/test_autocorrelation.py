"""The tests against independence by enumeration and textbook, and what merging does."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from dragstrip.stats import autocorrelation
from dragstrip.stats.autocorrelation import LEVEL, halve, merge, serial_p_value
from dragstrip.stats.t_interval import mean_of

log_ratios = st.lists(st.floats(-3, 3).map(lambda value: round(value, 6)), min_size=2, max_size=24)


def test_bartels_own_kind_of_example() -> None:
    # Gibbons and Chakraborti, Nonparametric Statistical Inference, example 5.1: tourists to the
    # USA, 1970 to 1982. R's randtests gives p = 1.21e-08 by the beta approximation.
    tourists = [12362, 12739, 13057, 13955, 14123, 15698, 17523, 18610, 19842, 20310, 22500, 23080]
    assert serial_p_value(np.array([*tourists, 21916.0])) == pytest.approx(1.21e-8, rel=0.01)


@pytest.mark.parametrize("count", [6, 7, 8])
def test_the_serial_test_against_every_order_there_is(count: int) -> None:
    orders = np.array(list(permutations(range(count))), float)
    ratios = (np.diff(orders, axis=1) ** 2).sum(axis=1)
    every, first, counts = np.unique(ratios, return_index=True, return_counts=True)
    found = np.array([serial_p_value(orders[index]) for index in first])
    # The approximation is continuous where the truth has steps.
    assert ((ratios[:, None] < every).mean(axis=0) - 0.04 <= found).all()
    assert ((ratios[:, None] <= every).mean(axis=0) + 0.04 >= found).all()
    size = counts[found <= LEVEL].sum() / len(orders)
    assert size == pytest.approx(LEVEL, abs=0.02)


def test_the_trend_test_is_exact() -> None:
    # Of 720 orders of six values, the two monotone ones are the most extreme.
    assert autocorrelation.examine(np.arange(6.0)).trend == pytest.approx(2 / 720)
    assert autocorrelation.examine(-np.arange(6.0)).trend == pytest.approx(2 / 720)


@given(log_ratios)
def test_the_sides_may_be_swapped(values: list[float]) -> None:
    one, other = merge(values), merge([-value for value in values])
    assert (one.before, one.after) == (other.before, other.after)
    assert one.values.tolist() == (-other.values).tolist()


@given(log_ratios, st.floats(-5, 5))
def test_a_constant_ratio_changes_nothing(values: list[float], shift: float) -> None:
    one, other = merge(values), merge([value + shift for value in values])
    assert one.size == other.size
    assert other.values == pytest.approx(one.values + shift)


@given(log_ratios)
def test_nothing_is_lost_in_merging(values: list[float]) -> None:
    merged = merge(values)
    assert merged.merged + len(merged.values) == merged.pairs == len(values)
    assert len(merged.values) == len(values) // merged.size
    assert min(values) - 1e-9 <= merged.values.min() <= merged.values.max() <= max(values) + 1e-9
    if len(values) % merged.size == 0:
        assert merged.values.mean() == pytest.approx(np.mean(values))
    assert (merged.reason is None) == (not merged.before.findings)


def test_independent_pairs_are_left_alone() -> None:
    merged = merge([0.3, -0.2, 0.1, 0.4, -0.3, 0.2, -0.1, 0.35, 0.0, -0.25])
    assert (merged.merged, merged.size, merged.reason) == (0, 1, None)


def test_a_drift_is_merged_to_the_least_and_said() -> None:
    merged = merge(np.linspace(0, 1, 24))
    assert (len(merged.values), merged.size, merged.merged) == (3, 8, 21)
    assert merged.reason is not None
    assert "the ratio drifts (p = " in merged.reason
    assert "neighbouring pairs are alike (p = " in merged.reason
    assert merged.resolved


def test_too_few_pairs_to_merge_are_said_to_be_dependent() -> None:
    merged = merge([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (merged.merged, merged.size) == (0, 1)
    assert merged.reason is not None
    assert not merged.resolved


def test_alternation_is_no_reason_to_merge() -> None:
    # What a drift of the machine does to pairs in ABBA order; it only widens the interval.
    assert merge([0.1, -0.1] * 6).merged == 0


def test_an_odd_pair_joins_its_neighbours() -> None:
    assert halve(np.array([1.0, 3.0, 5.0, 7.0, 9.0])).tolist() == [2.0, 7.0]


def test_equal_ratios_depend_on_nothing() -> None:
    assert merge([0.1 + 0.2, 0.3, 0.3, 0.3]).merged == 0


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_what_cannot_be_merged_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two finite log ratios"):
        merge(values)


def autoregressive(
    random: np.random.Generator, experiments: int, pairs: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return stationary log ratios, each 0.6 of the one before it plus noise; their mean is 0."""
    start = random.standard_normal((experiments, 1)) / 0.8
    steps = np.hstack([start, random.standard_normal((experiments, pairs - 1))])
    series: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = lfilter(
        [1.0], [1.0, -0.6], steps, axis=1
    )
    return series


def test_merging_mends_what_dependence_breaks() -> None:
    series = autoregressive(np.random.default_rng(2), 200, 40)

    def covers(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bool:
        low, high = mean_of(values).interval()
        return low <= 0 <= high

    plain = np.mean([covers(row) for row in series])
    merged = np.mean([covers(merge(row).values) for row in series])
    assert plain < 0.75
    assert merged > 0.85


@pytest.mark.parametrize("pairs", [6, 10, 20])
def test_independent_pairs_are_hardly_ever_merged_and_covered_all_the_same(pairs: int) -> None:
    series = np.random.default_rng(pairs).standard_normal((400, pairs))
    merged = [merge(row) for row in series]
    # Two tests at this level, which often speak together.
    assert np.mean([one.merged > 0 for one in merged]) < 2 * LEVEL
    # 95 % less three standard errors of 400; benchmarks/inference.py looks closer.
    intervals = [mean_of(one.values).interval() for one in merged]
    assert np.mean([low <= 0 <= high for low, high in intervals]) >= 0.917


def test_the_trend_test_is_kendalls() -> None:
    values = np.random.default_rng(3).standard_normal(12)
    expected = stats.kendalltau(np.arange(12), values).pvalue
    assert autocorrelation.examine(values).trend == pytest.approx(expected)
