"""What runs of equal targets are made to say, where the truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dragstrip.analysis.aa_test import PAIRS, TOLERATED, Pairs, races_needed, same
from dragstrip.stats.proportion import clopper_pearson


def runs_of(
    random: np.random.Generator,
    runs: int = 4,
    *,
    scatter: float = 0.1,
    side: float = 0.0,
    level: float = 0.0,
) -> list[Pairs]:
    """Return runs of 12 pairs around 20 ms.

    Slices differ by `scatter`, the sides of a run as wholes by `side`, and runs by `level`, each
    the standard deviation of a log.
    """
    made = []
    for _ in range(runs):
        logs = math.log(20) + random.normal(0, level) + random.normal(0, scatter, (12, 2))
        logs[:, 1] += random.normal(0, side)
        made.append([(float(a), float(b)) for a, b in np.exp(logs)])
    return made


def test_equal_targets_are_told_apart_in_one_race_of_twenty() -> None:
    found = same(runs_of(np.random.default_rng(1), 200))
    assert found
    assert found.stretches == 400
    assert 0.02 <= found.alarms / found.stretches <= 0.08
    assert found.standing == "no more often than promised"


def test_sides_that_differ_in_every_run_are_found_and_raise_the_floor() -> None:
    fair = same(runs_of(np.random.default_rng(2), 20))
    unfair = same(runs_of(np.random.default_rng(2), 20, side=0.2))
    assert fair
    assert unfair
    assert unfair.standing == "too often"
    assert unfair.noise_floor > 2 * fair.noise_floor


def test_the_floor_is_the_end_of_the_interval_that_is_farther_from_1() -> None:
    found = same(runs_of(np.random.default_rng(3)))
    assert found
    assert found.low < found.ratio < found.high
    assert found.noise_floor == pytest.approx(max(found.high, 1 / found.low) - 1)


def test_more_runs_lower_the_floor() -> None:
    few, many = (
        np.median([floor(np.random.default_rng(seed), runs) for seed in range(9)])
        for runs in (3, 20)
    )
    assert many < few / 1.5


def floor(random: np.random.Generator, runs: int) -> float:
    found = same(runs_of(random, runs))
    assert found
    return found.noise_floor


def test_what_runs_differ_by_is_found_beside_the_scatter_within() -> None:
    apart = same(runs_of(np.random.default_rng(4), 150, level=0.05))
    alike = same(runs_of(np.random.default_rng(4), 150))
    assert apart
    assert alike
    assert apart.between_runs == pytest.approx(0.05, rel=0.2)
    assert alike.between_runs < 0.015


def test_few_races_leave_the_promise_open() -> None:
    found = same(runs_of(np.random.default_rng(1)))
    assert found
    assert (found.stretches, found.standing) == (8, "open")


def test_no_false_alarm_in_so_many_races_shows_that_they_are_rare() -> None:
    assert clopper_pearson(0, races_needed())[1] <= TOLERATED
    assert clopper_pearson(0, races_needed() - 1)[1] > TOLERATED


def test_without_scatter_there_is_no_floor() -> None:
    found = same([[(20.0, 20.0)] * 12] * 3)
    assert found
    assert (found.noise_floor, found.between_runs, found.alarms) == (0, 0, 0)


@pytest.mark.parametrize(
    "runs",
    [
        runs_of(np.random.default_rng(1), 2),
        [[(20.0, math.nan)] * PAIRS] * 3,
        [[(20.0, 0.0)] * PAIRS] * 3,
    ],
)
def test_what_tells_nothing_is_none(runs: list[Pairs]) -> None:
    assert same(runs) is None
