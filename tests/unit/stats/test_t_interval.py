"""Student's t against tables, SciPy and its own properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dragstrip.stats.t_interval import Mean, mean_of

samples = st.lists(st.floats(-10, 10), min_size=2, max_size=30)


def test_students_own_sleep_data() -> None:
    # Student (1908), additional hours of sleep, drug 2 less drug 1: t = 4.0621, p = 0.002833.
    sleep = mean_of([1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4])
    assert sleep.value == pytest.approx(1.58)
    assert sleep.value / sleep.standard_error == pytest.approx(4.0621, abs=1e-4)
    assert sleep.p_value == pytest.approx(0.002833, abs=1e-6)
    assert sleep.interval() == pytest.approx((0.7001142, 2.4598858), abs=1e-6)


def test_it_agrees_with_scipy() -> None:
    values = np.random.default_rng(5).normal(0.3, 1, 9)
    found, expected = mean_of(values), stats.ttest_1samp(values, 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval(0.9) == pytest.approx(expected.confidence_interval(0.9))


@given(samples, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_the_interval_holds_the_mean_and_grows_with_confidence(
    values: list[float], less: float, more: float
) -> None:
    mean = mean_of(values)
    inner, outer = mean.interval(less), mean.interval(more)
    assert outer[0] <= inner[0] <= mean.value <= inner[1] <= outer[1]


@given(samples)
def test_zero_is_outside_the_interval_where_the_test_rejects_it(values: list[float]) -> None:
    mean = mean_of(values)
    low, high = mean.interval(0.95)
    if abs(mean.p_value - 0.05) > 1e-9:
        assert (low > 0 or high < 0) == (mean.p_value < 0.05)


def test_equal_values_have_no_scatter() -> None:
    assert mean_of([0.1] * 7).deviation == 0
    assert Mean(0.0, 0.0, 3).p_value == 1
    assert Mean(0.1, 0.0, 3).p_value == 0


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf]])
def test_what_has_no_interval_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two finite values"):
        mean_of(values)
