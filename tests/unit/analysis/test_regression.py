"""What is made of one target in two runs, where the truth is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.analysis.regression import Tolerance, compare
from dragstrip.ledger.rows import Outcome
from dragstrip.stats.autocorrelation import merge
from dragstrip.stats.t_interval import mean_of
from dragstrip.stats.welch import Between
from tests.support.over_time import two
from tests.support.runs import fail

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from dragstrip.run.model import Run
    from dragstrip.run.plan import PlannedSlice

OLD, SAME, NOISY = two(20.0, 30.0), two(20.0, 20.0, noise=0.02), two(20.0, 22.0, noise=0.3)


def with_quantiles(run: Run, values_ms: list[float]) -> Run:
    """Return the run with these p95 of the slices of `old`, in order."""
    slices, left = [], iter(values_ms)
    for one in run.slices:
        p95 = next(left) if one.target == "old" else one.p95_ms
        slices.append(one.model_copy(update={"p95_ms": p95}))
    return run.model_copy(update={"slices": slices})


@pytest.mark.parametrize(
    ("runs", "tolerance", "verdict"),
    [
        (OLD, 1.1, "regression"),
        (OLD[::-1], 1.1, "improvement"),
        (OLD, 2.0, "no regression"),
        (SAME, 1.1, "no regression"),
        (NOISY, 1.1, "inconclusive"),
    ],
)
def test_the_tolerance_is_held_against_the_interval(
    runs: tuple[Run, Run], tolerance: float, verdict: str
) -> None:
    found = compare(*runs, "old", Tolerance(ratio=tolerance))
    assert found.verdict == verdict
    assert found.low
    assert found.high
    assert found.ratio
    assert found.low < found.ratio < found.high


def test_what_is_open_says_how_many_slices_settle_it() -> None:
    tolerance = Tolerance(ratio=1.3)
    found = compare(*NOISY, "old", tolerance)
    assert found.verdict == "inconclusive"
    assert found.slices_needed
    assert found.slices_needed > 8
    grown = [with_slices(run, found.slices_needed) for run in NOISY]
    assert compare(grown[0], grown[1], "old", tolerance).verdict != "inconclusive"


def with_slices(run: Run, count: int) -> Run:
    """Return the run with so many slices of `old`, with the mean and deviation of its own."""
    own = [one for one in run.slices if one.target == "old"]
    mean = mean_of([math.log(one.p95_ms or 0) for one in own])
    raw = np.random.default_rng(4).standard_normal(count)
    logs = (raw - raw.mean()) / raw.std(ddof=1) * mean.deviation + mean.value
    assert merge(logs).merged == 0
    slices = [
        own[0].model_copy(update={"index": index, "p95_ms": math.exp(log)})
        for index, log in enumerate(logs)
    ]
    return run.model_copy(update={"slices": slices})


logs_ms = st.lists(st.floats(0.01, 1e4), min_size=8, max_size=8)


@settings(max_examples=60)
@given(logs_ms, logs_ms, st.floats(1, 5))
def test_swapping_the_runs_mirrors_the_verdict(
    older: list[float], newer: list[float], tolerance: float
) -> None:
    runs = with_quantiles(SAME[0], older), with_quantiles(SAME[1], newer)
    there = compare(*runs, "old", Tolerance(ratio=tolerance))
    back = compare(*runs[::-1], "old", Tolerance(ratio=tolerance))
    assert there.ratio == pytest.approx(1 / (back.ratio or 0))
    assert there.low == pytest.approx(1 / (back.high or 0))
    mirror = {"regression": "improvement", "improvement": "regression"}
    if there.verdict in mirror:
        assert back.verdict == mirror[there.verdict]
    else:
        assert back.verdict not in mirror


def half_fail(slice_: PlannedSlice, rows: Rows) -> None:
    fail(rows, slice(0, 100))


def a_few_fail(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.index < 2:
        fail(rows, slice(0, 3), Outcome.TIMEOUT)


def test_failures_outweigh_speed() -> None:
    fine = two(20.0, 5.0)
    failing = two(20.0, 5.0, spoil=half_fail)
    assert compare(fine[0], fine[1], "old", Tolerance()).verdict == "improvement"
    worse = compare(fine[0], failing[1], "old", Tolerance())
    assert worse.verdict == "regression"
    assert worse.ratio is None
    assert compare(failing[0], fine[1], "old", Tolerance()).verdict == "improvement"
    both = compare(*failing, "old", Tolerance())
    assert (both.verdict, both.slices_needed) == ("inconclusive", None)


def test_few_failures_leave_it_open() -> None:
    fine, failing = two(20.0, 20.0), two(20.0, 20.0, spoil=a_few_fail)
    found = compare(fine[0], failing[1], "old", Tolerance(ratio=3))
    assert found.verdict == "inconclusive"
    assert "too few to tell" in found.reason
    assert compare(fine[0], failing[1], "old", Tolerance(ratio=3, errors=0.01)).verdict == (
        "no regression"
    )


def test_too_few_slices_prove_nothing() -> None:
    assert compare(*two(20.0, 60.0, pairs=4), "old", Tolerance()).verdict == "inconclusive"


def test_slices_that_drift_count_for_fewer_and_it_is_said() -> None:
    drifting = with_quantiles(SAME[0], [20.0 * 1.05**n for n in range(8)])
    found = compare(drifting, SAME[1], "old", Tolerance())
    assert found.older.values < found.older.slices == 8
    assert "drifts" in (found.older.dependent or "")


def test_what_calibration_knows_widens_the_interval() -> None:
    plain = compare(*SAME, "old", Tolerance())
    wide = compare(*SAME, "old", Tolerance(), between=Between(0.1, 3))
    assert plain.verdict == "no regression"
    assert wide.verdict == "inconclusive"
    assert wide.between_runs == 0.1
    # No number of slices makes up for what two runs differ by.
    assert wide.slices_needed is None


@pytest.mark.parametrize("slices", [6, 20])
def test_it_covers_the_truth_in_drifting_autocorrelated_slices(slices: int) -> None:
    random = np.random.default_rng(slices)
    truth, experiments, covered = 1.25, 250, 0
    template = [s for s in SAME[0].slices if s.target == "old"][:1] * slices
    for _ in range(experiments):
        runs = []
        for run, factor in zip(SAME, (1.0, truth), strict=True):
            logs = autocorrelated(random, slices) + math.log(20 * factor)
            made = [
                one.model_copy(update={"index": n, "p95_ms": math.exp(logs[n])})
                for n, one in enumerate(template)
            ]
            runs.append(run.model_copy(update={"slices": made}))
        found = compare(runs[0], runs[1], "old", Tolerance())
        covered += (found.low or 0) <= truth <= (found.high or 0)
    assert covered / experiments >= 0.9


def autocorrelated(random: np.random.Generator, slices: int) -> np.ndarray[tuple[int], np.dtype]:
    state, values = random.standard_normal(), []
    for _ in range(slices):
        state = 0.3 * state + math.sqrt(1 - 0.3**2) * random.standard_normal()
        values.append(0.05 * state + 0.05 * random.standard_normal())
    return np.array(values)
