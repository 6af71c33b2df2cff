"""What stands for scipy.stats gives what scipy.stats gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.stats import probability

SHARES = st.floats(1e-9, 1 - 1e-9)
FREEDOMS = st.one_of(st.integers(1, 10_000), st.floats(1, 1e6))
VALUES = st.floats(-50, 50)
SERIES = st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=60)


@given(SHARES, FREEDOMS, VALUES)
def test_the_normal_distribution_and_students(share: float, freedom: float, value: float) -> None:
    normal, student = scipy.stats.norm, scipy.stats.t
    assert probability.normal_quantile(share) == pytest.approx(normal.ppf(share))
    assert probability.normal_tail(value) == pytest.approx(normal.sf(value))
    assert probability.student_quantile(share, freedom) == pytest.approx(
        student.ppf(share, freedom)
    )
    assert probability.student_tail(value, freedom) == pytest.approx(student.sf(value, freedom))


@given(st.integers(1, 300))
def test_at_the_ends(freedom: int) -> None:
    assert probability.student_quantile(1, freedom) == np.inf
    assert probability.student_tail(np.inf, freedom) == 0
    assert probability.student_tail(0, freedom) == 0.5


@given(SHARES, st.integers(1, 100_000), st.integers(1, 100_000))
def test_the_beta_distribution(share: float, a: int, b: int) -> None:
    exact = scipy.stats.beta(a, b)
    assert probability.beta_quantile(share, a, b) == pytest.approx(exact.ppf(share))
    assert probability.beta_share(share, a, b) == pytest.approx(exact.cdf(share), abs=1e-12)


@given(
    st.floats(1e-6, 1 - 1e-6),
    st.lists(st.tuples(st.integers(1, 10**7), SHARES), min_size=1, max_size=8),
)
def test_the_binomial_distribution(share: float, pairs: list[tuple[int, float]]) -> None:
    counts, chances = (np.array(one) for one in zip(*pairs, strict=True))
    found = probability.binomial_quantile(share, counts, chances)
    known = scipy.stats.binom(counts, chances)
    # Rounding decides where a whole number ends just at the share.
    assert (known.cdf(found) >= share - 1e-9).all()
    assert (known.cdf(found - 1) < share + 1e-9).all()


@given(st.integers(0, 5000), st.lists(st.floats(0, 5000), min_size=1, max_size=8))
def test_the_poisson_distribution(most: int, means: list[float]) -> None:
    found = probability.poisson_share(most, means)
    assert found == pytest.approx(scipy.stats.poisson.cdf(most, means))


@given(SERIES)
def test_ranks(values: list[float]) -> None:
    found = probability.ranks(np.array(values))
    assert found.tolist() == scipy.stats.rankdata(values).tolist()


@given(SERIES)
def test_kendalls_test(values: list[float]) -> None:
    found = probability.kendall_p(np.array(values))
    if len(set(values)) == 1:
        assert found == 1
        return
    places = np.arange(len(values))
    if len(values) <= 33 and len(set(values)) == len(values):
        known = scipy.stats.kendalltau(places, values, method="exact").pvalue
    else:
        known = scipy.stats.kendalltau(places, values, method="asymptotic").pvalue
    assert found == pytest.approx(known)


def test_it_goes_without_what_takes_long_to_load() -> None:
    program = (
        "import sys; from dragstrip.stats import probability as d; d.student_quantile(0.9, 5)\n"
        "print('scipy.stats' in sys.modules)"
    )
    command = [sys.executable, "-P", "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
