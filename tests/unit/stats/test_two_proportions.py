from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.stats.two_proportions import Proportion, effective, newcombe, wilson


@pytest.mark.parametrize(
    ("older", "newer", "low", "high"),
    [
        # Newcombe 1998, table II, method 10.
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((0, 20), (0, 10), -0.1611, 0.2775),
        ((0, 10), (10, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_is_the_published_one(
    older: tuple[int, int], newer: tuple[int, int], low: float, high: float
) -> None:
    found = newcombe(Proportion(*older), Proportion(*newer))
    assert found == pytest.approx((low, high), abs=5e-5)


counts = st.integers(0, 10**6).flatmap(
    lambda total: st.integers(0, total).map(lambda failed: Proportion(failed, total))
)


@given(counts, counts)
def test_the_interval_surrounds_the_difference_and_mirrors(
    older: Proportion, newer: Proportion
) -> None:
    low, high = newcombe(older, newer)
    assert -1 <= low <= newer.share - older.share <= high <= 1 or not (older.total and newer.total)
    mirrored = newcombe(newer, older)
    assert (low, high) == pytest.approx((-mirrored[1], -mirrored[0]))


@given(counts)
def test_wilson_surrounds_the_share(one: Proportion) -> None:
    low, high = wilson(one)
    assert 0 <= low <= one.share <= high <= 1


def test_failures_in_bursts_count_for_fewer() -> None:
    steady = effective([5] * 20, [500] * 20)
    bursts = effective([100] + [0] * 19, [500] * 20)
    assert (steady.failed, steady.total) == (100, 10_000)
    assert bursts.share == pytest.approx(steady.share)
    assert bursts.total < 500


@pytest.mark.parametrize(("failed", "totals"), [([2], [1]), ([-1], [1]), ([1], [1, 2])])
def test_impossible_counts_are_refused(failed: list[int], totals: list[int]) -> None:
    with pytest.raises(ValueError, match="each slice"):
        effective(failed, totals)


def test_it_covers_the_truth_though_failures_come_in_bursts() -> None:
    random = np.random.default_rng(5)
    covered = pooled = 0
    for _ in range(400):
        # Beta-binomial slices: their failure rates scatter around 1 % and 3 %.
        sides = [random.binomial(500, random.beta(2, 2 / p - 2, 20)) for p in (0.01, 0.03)]
        older, newer = (effective(side.tolist(), [500] * 20) for side in sides)
        covered += _holds(newcombe(older, newer), 0.02)
        older, newer = (Proportion(int(side.sum()), 10_000) for side in sides)
        pooled += _holds(newcombe(older, newer), 0.02)
    assert covered >= 0.92 * 400
    assert pooled < 0.75 * 400


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]
