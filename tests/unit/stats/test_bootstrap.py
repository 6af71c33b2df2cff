"""The bootstrap against the t-interval, a reference implementation, and known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dragstrip.stats.bootstrap import LEAST, cross_check, studentized, tolerance
from dragstrip.stats.t_interval import mean_of

samples = st.lists(
    st.floats(-3, 3).map(lambda value: round(value, 3)), min_size=LEAST, max_size=15, unique=True
)
FEW = 499


def test_a_plain_loop_gives_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(0.2, 1, 8)
    random, pivots = np.random.default_rng(7), []
    for chosen in random.integers(0, 8, (FEW, 8)):
        drawn = values[chosen]
        pivots.append((drawn.mean() - values.mean()) / stats.sem(drawn))
    pivots.sort()
    error = stats.sem(values)
    expected = (values.mean() - pivots[-12] * error, values.mean() - pivots[11] * error)
    assert studentized(values, 7, FEW) == pytest.approx(expected)


@given(samples, st.integers(0, 2**32))
def test_it_holds_the_estimate_and_grows_with_confidence(values: list[float], seed: int) -> None:
    inner = studentized(values, seed, FEW, confidence=0.8)
    outer = studentized(values, seed, FEW, confidence=0.95)
    assert inner is not None
    if outer is not None:
        assert outer[0] <= inner[0] <= np.mean(values) <= inner[1] <= outer[1]


@given(samples, st.integers(0, 2**32))
def test_swapping_the_sides_mirrors_it(values: list[float], seed: int) -> None:
    one = cross_check(values, seed, FEW)
    other = cross_check([-value for value in values], seed, FEW)
    assert (one is None) == (other is None)
    if one and other:
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low))
        assert one.agrees == other.agrees


@given(samples, st.floats(-5, 5))
def test_a_constant_ratio_moves_it_along(values: list[float], shift: float) -> None:
    one = studentized(values, 3, FEW)
    other = studentized([value + shift for value in values], 3, FEW)
    assert (one is None) == (other is None)
    if one and other:
        assert other == pytest.approx((one[0] + shift, one[1] + shift), abs=1e-6)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [0.1, 0.4, -0.2, 0.3, 0.25, 0.6]
    assert cross_check(values, 5) == cross_check(values, 5)
    assert cross_check(values, 5) != cross_check(values, 6)


def test_equal_values_have_an_interval_without_length() -> None:
    check = cross_check([0.3] * 6, 1)
    assert check is not None
    assert (check.low, check.high, check.agrees) == (0.3, 0.3, True)


def test_no_interval_where_resamples_hold_one_value_too_often() -> None:
    assert studentized([0.1, 0.2, 0.3, 0.4], 1) is None
    assert studentized([0.1, 0.1, 0.1, 0.1, 0.9], 1) is None


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan]])
def test_what_has_no_interval_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two finite values"):
        cross_check(values, 1)


@pytest.mark.parametrize("pairs", [6, 10, 20])
def test_normal_pairs_are_covered_and_hardly_ever_flagged(pairs: int) -> None:
    series = np.random.default_rng(pairs).standard_normal((400, pairs))
    checks = [cross_check(row, seed, 1999) for seed, row in enumerate(series)]
    known = [check for check in checks if check]
    assert len(known) == 400
    # 93 % and 5 %, with three standard errors of 400.
    assert np.mean([check.low <= 0 <= check.high for check in known]) >= 0.89
    assert np.mean([not check.agrees for check in known]) <= 0.085


def test_one_pair_far_out_is_flagged() -> None:
    values = [*np.random.default_rng(1).normal(0, 0.05, 19), 2.0]
    check = cross_check(values, 1)
    assert check is not None
    assert not check.agrees
    mean = mean_of(values)
    apart = max(abs(check.low - mean.interval()[0]), abs(check.high - mean.interval()[1]))
    assert apart > tolerance(20) * mean.half_width()
