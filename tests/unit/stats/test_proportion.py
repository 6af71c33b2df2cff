"""Clopper-Pearson against published values, SciPy, and the binomial itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dragstrip.stats.proportion import against, clopper_pearson

counts = st.integers(1, 5000).flatmap(
    lambda total: st.tuples(st.integers(0, total), st.just(total))
)


@pytest.mark.parametrize(
    ("failures", "lookups", "expected"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 5.
        (81, 263, (0.2527, 0.3676)),
        (15, 148, (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1684)),
        (1, 29, (0.0009, 0.1776)),
    ],
)
def test_published_intervals(failures: int, lookups: int, expected: tuple[float, float]) -> None:
    assert clopper_pearson(failures, lookups) == pytest.approx(expected, abs=5e-5)


@given(counts, st.floats(0.5, 0.999))
def test_it_agrees_with_scipy(count: tuple[int, int], confidence: float) -> None:
    expected = stats.binomtest(*count).proportion_ci(confidence, method="exact")
    found = clopper_pearson(*count, confidence)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(counts, st.floats(0.5, 0.9), st.floats(0.91, 0.999))
def test_it_holds_the_estimate_and_grows_with_confidence(
    count: tuple[int, int], less: float, more: float
) -> None:
    failures, lookups = count
    inner, outer = clopper_pearson(*count, less), clopper_pearson(*count, more)
    assert 0 <= outer[0] <= inner[0] <= failures / lookups <= inner[1] <= outer[1] <= 1


@given(counts)
def test_failures_and_answers_mirror_each_other(count: tuple[int, int]) -> None:
    failures, lookups = count
    low, high = clopper_pearson(failures, lookups)
    assert clopper_pearson(lookups - failures, lookups) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3])
def test_it_covers_at_least_as_often_as_it_says(rate: float) -> None:
    every = np.arange(201)
    intervals = [clopper_pearson(int(failures), 200) for failures in every]
    covers = np.array([low <= rate <= high for low, high in intervals])
    assert stats.binom.pmf(every, 200, rate)[covers].sum() >= 0.95


def test_nothing_was_looked_up() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("count", [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(count: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        clopper_pearson(*count)


@pytest.mark.parametrize("confidence", [0.0, 1.1, float("nan")])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        clopper_pearson(1, 5, confidence)


@pytest.mark.parametrize(
    ("failures", "lookups", "standing"),
    [
        (0, 3687, "open"),
        (0, 3688, "within"),
        (1, 600, "open"),
        (4, 600, "over"),
        (600, 600, "over"),
        (0, 0, "open"),
    ],
)
def test_a_limit_of_one_in_a_thousand(failures: int, lookups: int, standing: str) -> None:
    assert against(0.001, failures, lookups) == standing


def test_a_limit_of_nothing_or_everything() -> None:
    assert against(0, 0, 10**6) == "open"
    assert against(0, 1, 10**6) == "over"
    assert against(1, 5, 5) == "within"
