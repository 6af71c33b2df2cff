from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from dragstrip.stats.t_interval import mean_of
from dragstrip.stats.welch import Between, difference

values = st.lists(st.floats(-50, 50), min_size=2, max_size=30)


@given(values, values)
def test_it_is_scipys_welch_interval(older: list[float], newer: list[float]) -> None:
    # Of values that are all but equal, SciPy warns that rounding eats the scatter.
    assume(np.ptp(older) > 1e-3 < np.ptp(newer))
    found = difference(mean_of(older), mean_of(newer))
    other = stats.ttest_ind(newer, older, equal_var=False)
    assert found.freedom == pytest.approx(other.df, rel=1e-6)
    assert found.interval() == pytest.approx(tuple(other.confidence_interval(0.95)), rel=1e-6)


@given(values, values, st.floats(0, 5), st.integers(1, 20))
def test_between_runs_only_widens(
    older: list[float], newer: list[float], deviation: float, freedom: int
) -> None:
    means = mean_of(older), mean_of(newer)
    plain, wide = difference(*means), difference(*means, Between(deviation, freedom))
    assert wide.value == plain.value
    assert wide.standard_error >= plain.standard_error
    assert wide.standard_error == pytest.approx(
        math.sqrt(plain.standard_error**2 + 2 * deviation**2)
    )


def test_equal_values_have_no_interval_to_speak_of() -> None:
    found = difference(mean_of([1.0, 1.0]), mean_of([2.0, 2.0]))
    assert found.interval() == (1.0, 1.0)


def test_between_runs_mends_the_coverage_of_runs_that_differ() -> None:
    random = np.random.default_rng(11)
    plain = mended = 0
    experiments = 600
    for _ in range(experiments):
        # Calibration's runs, then the two that are compared; the truth is no difference.
        shifts = random.normal(0, 0.05, 8)
        runs = random.normal(0, 0.1, (8, 20)) + shifts[:, None]
        within = runs[:6].var(axis=1, ddof=1).mean() / 20
        spread = max(runs[:6].mean(axis=1).var(ddof=1) - within, 0)
        means = mean_of(runs[6]), mean_of(runs[7])
        low, high = difference(*means).interval()
        plain += low <= 0 <= high
        low, high = difference(*means, Between(math.sqrt(spread), 5)).interval()
        mended += low <= 0 <= high
    assert plain / experiments < 0.75
    assert mended / experiments > 0.92
