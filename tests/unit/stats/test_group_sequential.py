"""The bounds of several looks: published tables, a simulated Brownian motion, properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dragstrip.stats.group_sequential import bounds, levels, p_value, spent


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        # Lan and DeMets' bounds after O'Brien and Fleming at a two-sided 0.05 and equal steps, as
        # in Reboussin, DeMets, Kim and Lan, Controlled Clinical Trials 21 (2000).
        (2, (2.963, 1.969)),
        (3, (3.710, 2.511, 1.993)),
        (4, (4.333, 2.963, 2.359, 2.014)),
        (5, (4.877, 3.357, 2.680, 2.290, 2.031)),
    ],
)
def test_published_bounds(looks: int, expected: tuple[float, ...]) -> None:
    found = bounds(tuple(look / looks for look in range(1, looks + 1)), 0.05)
    assert found == pytest.approx(expected, abs=6e-4)


def test_one_look_is_the_usual_test() -> None:
    assert bounds((1.0,), 0.05) == pytest.approx((1.959964,), abs=1e-6)
    assert levels((1.0,), 0.05) == pytest.approx((0.95,))
    assert spent(1, 0.05) == pytest.approx(0.05)
    assert spent(0, 0.05) == 0


@given(st.lists(st.integers(1, 39), min_size=1, max_size=4, unique=True))
def test_no_look_takes_more_than_is_spent_by_then(shares: list[int]) -> None:
    fractions = (*(share / 40 for share in sorted(shares)), 1.0)
    for bound, share in zip(bounds(fractions, 0.05), fractions, strict=True):
        assert 2 * stats.norm.sf(bound) <= spent(share, 0.05) + 1e-9


@given(st.floats(1e-9, 0.5), st.integers(0, 3))
def test_a_p_value_is_the_error_whose_bound_was_just_reached(alpha: float, number: int) -> None:
    fractions = (0.4, 0.6, 0.8, 1.0)
    single = 2 * float(stats.norm.sf(bounds(fractions, alpha)[number]))
    if single > 1e-11:
        found = p_value(single, number, fractions)
        assert found == pytest.approx(alpha, rel=1e-4)
        assert found >= single


def test_what_is_spent_is_how_often_a_motion_without_drift_leaves_the_bounds() -> None:
    shares = np.array([0.3, 0.6, 0.8, 1.0])
    steps = np.sqrt(np.diff(shares, prepend=0.0))
    draws = np.random.default_rng(3).standard_normal((200_000, 4))
    scores = np.abs((draws * steps).cumsum(axis=1) / np.sqrt(shares))
    out = np.logical_or.accumulate(scores > bounds(tuple(shares.tolist()), 0.10), axis=1)
    expected = [spent(share, 0.10) for share in shares]
    assert out.mean(axis=0) == pytest.approx(expected, abs=0.003)
