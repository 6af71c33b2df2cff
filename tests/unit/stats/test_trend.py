"""Trends of values that resemble their neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dragstrip.stats.trend import LEAST, trend

_VALUES = st.lists(st.floats(-1e3, 1e3), min_size=LEAST, max_size=40)


def test_slope_and_test_are_those_of_published_methods() -> None:
    # Independent and without ties: nothing is there to be corrected for.
    values = np.array([5.0, 1, 8, 2, 9, 3, 12, 6, 4, 13, 7, 11, 10, 15, 14])
    at = np.arange(15.0)
    found = trend(at, values)
    assert found.slope == pytest.approx(stats.theilslopes(values, at).slope)
    assert found.tau == pytest.approx(stats.kendalltau(at, values).statistic)
    assert found.likeness == 0
    # Sen's interval, with Student's quantile in place of the normal one, is a little wider.
    sen = stats.theilslopes(values, at, 0.95)
    assert found.low <= sen.low_slope < sen.high_slope <= found.high
    assert found.low == pytest.approx(sen.low_slope, abs=0.15)


@given(_VALUES, st.floats(0.1, 10), st.floats(-100, 100))
def test_units_of_time_and_value_change_nothing_else(
    values: list[float], scale: float, shift: float
) -> None:
    at, level = np.arange(len(values)), np.round(values, 3)
    one, other = trend(at, level), trend(scale * at, -2 * level + round(shift, 3))
    if not np.isclose(np.diff(np.sort(level)), 0, atol=1e-6).any():
        assert other.tau == pytest.approx(-one.tau)
        assert other.slope == pytest.approx(-2 * one.slope / scale, rel=1e-6, abs=1e-6)
    assert one.low <= one.slope <= one.high
    assert 0 <= one.p <= 1


def test_values_that_failed_rank_above_all_others() -> None:
    level = [*np.linspace(1, 2, 20), *[np.inf] * 10]
    found = trend(range(30), level)
    assert found.tau > 0.8
    assert found.p < 0.01
    assert trend(range(30), [np.inf] * 30).p == 1


def test_too_few_values_have_no_trend() -> None:
    with pytest.raises(ValueError, match="10 values"):
        trend(range(9), range(9))


@pytest.mark.parametrize(("count", "likeness"), [(24, 0.0), (24, 0.6), (60, 0.6)])
def test_it_errs_as_often_as_it_says(count: int, likeness: float) -> None:
    random, at, times = np.random.default_rng(5), np.arange(count) / 60, 400
    noise = random.standard_normal((times, count + 100))
    for n in range(1, count + 100):
        noise[:, n] += likeness * noise[:, n - 1]
    found = [trend(at, each + 7 * at) for each in noise[:, 100:]]
    held = sum(one.low <= 7 <= one.high for one in found)
    # By chance, 93 % of 400 fall below 89.5 % once in a hundred times.
    assert held >= 0.895 * times
    false = sum(trend(at, each).p <= 0.05 for each in noise[:, 100:])
    assert false <= 0.105 * times
