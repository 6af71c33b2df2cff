"""The interval that one may look at without end: against integration, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from dragstrip.stats import anytime


def evidence(values: np.ndarray[tuple[int], np.dtype[np.float64]], prior: float) -> float:
    """Return the likelihood ratio of a normal effect size against none, over all scales."""
    n, total, squares = len(values), values.sum(), (values**2).sum()

    def likelihood(log_scale: float, effect: float) -> float:
        scale = math.exp(log_scale)
        inside = squares / scale**2 - 2 * effect * total / scale + n * effect**2
        return math.exp(-n * log_scale - inside / 2)

    def weighted(log_scale: float, effect: float) -> float:
        density = math.sqrt(prior / (2 * math.pi)) * math.exp(-prior * effect**2 / 2)
        return likelihood(log_scale, effect) * density

    above, _ = integrate.dblquad(weighted, -8, 8, -6, 6)
    below, _ = integrate.quad(lambda log_scale: likelihood(log_scale, 0.0), -6, 6)
    return float(above / below)


@pytest.mark.parametrize("prior", [1.0, 0.25])
def test_at_its_ends_the_evidence_against_the_mean_reaches_one_over_alpha(prior: float) -> None:
    values = np.random.default_rng(2).normal(0.2, 1.0, 9)
    error = values.std(ddof=1) / 3
    reach = anytime.critical_t(9, 0.05, prior) * error
    for end in (values.mean() - reach, values.mean() + reach):
        assert evidence(values - end, prior) == pytest.approx(20, rel=1e-4)


def test_few_values_tell_nothing_and_many_cost_little_more() -> None:
    assert [math.isinf(anytime.critical_t(count, 0.05)) for count in (1, 2, 4, 5)] == [
        *([True] * 3),
        False,
    ]
    assert anytime.level(3, 0.05) == 1
    assert 3 < anytime.critical_t(10_000, 0.05) < 5


@given(st.integers(5, 5000), st.floats(0.01, 0.2))
def test_it_is_wider_than_the_interval_of_a_single_look(count: int, alpha: float) -> None:
    assert anytime.level(count, alpha) > 1 - alpha


@given(st.integers(5, 5000), st.floats(1e-6, 0.9))
def test_the_p_value_is_the_error_whose_bound_was_just_reached(count: int, alpha: float) -> None:
    reach = anytime.critical_t(count, alpha)
    if math.isfinite(reach):
        assert anytime.p_value(reach, count) == pytest.approx(alpha)
    assert anytime.p_value(0, count) == 1
    assert anytime.p_value(math.inf, count) == 0


def test_however_often_one_looks_five_percent_at_most_are_ever_wrong() -> None:
    # Of 4,000 series with a true mean of 0 and any scale, looked at after every value up to 400.
    random = np.random.default_rng(8)
    values = random.standard_normal((4_000, 400)) * random.lognormal(0, 2, (4_000, 1))
    count = np.arange(1, 401)
    mean = values.cumsum(axis=1) / count
    spread = (values**2).cumsum(axis=1) - count * mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / np.sqrt(spread / (count - 1) / count)
    most = np.array([anytime.critical_t(n, 0.05) for n in count.tolist()])
    wrong = (t > most)[:, 1:].any(axis=1).mean()
    assert 0 < wrong <= 0.05
    # By itself, the usual test would be wrong far more often.
    assert (t > 1.96)[:, 30:].any(axis=1).mean() > 0.2
