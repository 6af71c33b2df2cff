"""What a verdict says beyond its declared metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from dragstrip.analysis.paired_values import by_pair
from dragstrip.analysis.slo import slice_interval, standing
from dragstrip.analysis.verdict import judge, meets
from dragstrip.config.config import RulesConfig
from dragstrip.stats.bootstrap import cross_check
from dragstrip.stats.holm import holm
from dragstrip.stats.proportion import clopper_pearson
from tests.support.runs import conclude, fail, plan_of, record

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from dragstrip.run.plan import PlannedSlice

OLD, NEW = 0, 1


def some_fail(target: int, every: int, count: int) -> Any:
    """Make the first lookups of every so many slices of one target fail."""

    def change(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.target == target and slice_.pair % every == 0:
            fail(rows, slice(0, count))

    return change


def test_every_other_metric_is_compared_by_the_same_t_test() -> None:
    plan = plan_of(8)
    run, verdict = conclude(plan, record(plan, (20.0, 18.0), spoil=some_fail(NEW, 2, 1)))
    assert set(verdict.secondary) == {"p50", "p99", "throughput", "error_rate"}

    old, new = by_pair(run, "p50")
    expected = stats.ttest_1samp(np.log(np.array(new) / np.array(old)), 0)
    p50 = verdict.secondary["p50"]
    assert p50.pairs == 8
    assert p50.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (p50.low, p50.high) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))

    old, new = by_pair(run, "error_rate")
    errors = verdict.secondary["error_rate"]
    assert errors.kind == "difference"
    assert errors.effect == pytest.approx(4 / 1600)
    assert errors.p == pytest.approx(stats.ttest_rel(new, old).pvalue)

    raw = {name: one.p for name, one in verdict.secondary.items()}
    assert {name: one.p_adjusted for name, one in verdict.secondary.items()} == holm(raw)


def test_the_declared_metric_is_not_among_the_others() -> None:
    plan = plan_of(8)
    verdict = conclude(plan, record(plan), rules={"metric": "p50"})[1]
    assert set(verdict.secondary) == {"p95", "p99", "throughput", "error_rate"}


def test_a_metric_that_does_not_exist_in_every_slice_is_left_out() -> None:
    plan = plan_of(8)
    verdict = conclude(plan, record(plan, spoil=some_fail(OLD, 8, 4)))[1]
    assert "p99" not in verdict.secondary


def test_swapping_the_sides_mirrors_everything() -> None:
    plan = plan_of(20)
    run, verdict = conclude(plan, record(plan, (20.0, 17.0), spoil=some_fail(NEW, 7, 1)))
    swapped = run.model_copy(update={"baseline": "new", "challenger": "old"})
    mirrored = judge(swapped, RulesConfig())
    for name, one in verdict.secondary.items():
        other = mirrored.secondary[name]
        mirror = (1 / one.effect, 1 / one.high) if one.kind == "ratio" else (-one.effect, -one.high)
        assert (other.effect, other.low) == pytest.approx(mirror)
        assert other.p_adjusted == pytest.approx(one.p_adjusted)
    assert verdict.dependence is not None
    assert mirrored.dependence == verdict.dependence
    assert verdict.cross_check is not None
    assert mirrored.cross_check is not None
    assert mirrored.cross_check.high == pytest.approx(1 / verdict.cross_check.low)


def test_an_invalid_run_compares_nothing() -> None:
    plan = plan_of(8)
    verdict = conclude(plan, record(plan, samples=20))[1]
    assert verdict.verdict == "invalid"
    assert (verdict.secondary, verdict.dependence, verdict.cross_check) == ({}, None, None)


def test_the_cross_check_can_be_repeated() -> None:
    plan = plan_of(8)
    run, verdict = conclude(plan, record(plan))
    old, new = by_pair(run, "p95")
    check = verdict.cross_check
    assert check is not None
    again = cross_check(np.log(new) - np.log(old), check.seed, check.resamples)
    assert again is not None
    assert (check.low, check.high) == pytest.approx((math.exp(again.low), math.exp(again.high)))


def test_no_cross_check_where_resamples_have_next_to_no_scatter() -> None:
    plan = plan_of(6)
    run, _ = conclude(plan, record(plan))
    logs = [1.0, 1e-6, 2e-6, 4e-6, 3e-6, 0.0]
    slices = [
        part.model_copy(
            update={"p95_ms": 10 * math.exp(logs[part.pair] if part.target == "new" else 0)}
        )
        for part in run.slices
    ]
    verdict = judge(run.model_copy(update={"slices": slices}), RulesConfig())
    assert verdict.cross_check is None
    assert verdict.high is not None


def slowing(slice_: PlannedSlice, rows: Rows) -> None:
    """Let the challenger grow slower from pair to pair."""
    if slice_.target == NEW:
        spent = (rows["done_ns"] - rows["scheduled_ns"]) * 0.15 * slice_.pair
        rows["done_ns"] += spent.astype(np.int64)


def test_drifting_pairs_are_merged_and_the_interval_is_made_of_what_is_left() -> None:
    plan = plan_of(12)
    run, verdict = conclude(plan, record(plan, noise=0.01, spoil=slowing))
    assert verdict.dependence is not None
    assert verdict.dependence.merged == 9
    assert verdict.dependence.reason is not None
    assert "the ratio drifts" in verdict.dependence.reason
    assert verdict.pairs == 12
    old, new = by_pair(run, "p95")
    logs = np.log(np.array(new) / np.array(old)).reshape(3, 4).mean(axis=1)
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert (verdict.low, verdict.high) == pytest.approx((math.exp(low), math.exp(high)))


def test_pairs_needed_counts_pairs_and_not_merged_ones() -> None:
    plan = plan_of(12)
    verdict = conclude(plan, record(plan, (20.0, 12.0), noise=0.05, spoil=slowing))[1]
    assert verdict.verdict == "inconclusive"
    assert verdict.pairs_needed is not None
    assert verdict.pairs_needed % 4 == 0
    assert verdict.pairs_needed > 12


def test_error_rates_have_their_interval() -> None:
    plan = plan_of(8)
    target = conclude(plan, record(plan, spoil=some_fail(NEW, 1, 4)))[1].targets["new"]
    assert target.error_rate == pytest.approx(32 / 1600)
    assert (target.error_rate_low, target.error_rate_high) == clopper_pearson(32, 1600)


def test_too_few_failures_to_prove_anything_leave_it_open_and_never_win() -> None:
    plan = plan_of(8)
    verdict = conclude(plan, record(plan, (20.0, 2.0), spoil=some_fail(NEW, 4, 1)))[1]
    assert verdict.verdict == "inconclusive"
    assert "too few to tell" in verdict.reason
    assert verdict.pairs_needed is not None
    assert verdict.pairs_needed > 8
    assert meets(verdict, "not-worse", RulesConfig()) is None


@pytest.mark.parametrize(
    ("slo_ms", "word", "slo"),
    [(500, "adopt", "met"), (21.5, "better", "open"), (5, "better", "missed")],
)
def test_adopting_takes_an_interval_that_keeps_the_objective(
    slo_ms: float, word: str, slo: str
) -> None:
    plan = plan_of(8)
    verdict = conclude(plan, record(plan, (20.0, 10.0)), rules={"slo_ms": slo_ms})[1]
    assert (verdict.verdict, verdict.targets["new"].slo) == (word, slo)


def test_an_objective_is_judged_by_the_whole_interval() -> None:
    interval = slice_interval([10.0, 12.0, 11.0, 9.0, 10.5, 11.5])
    assert interval is not None
    low, high = interval
    assert low < 10.6 < high
    assert standing(interval, high) == "met"
    assert standing(interval, (low + high) / 2) == "open"
    assert standing(interval, low * 0.99) == "missed"
    assert standing(None, 500) == "open"


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, 0.0], [math.inf, 1.0]])
def test_slices_without_the_quantile_have_no_interval(values: list[float]) -> None:
    assert slice_interval(values) is None


@pytest.mark.parametrize(("slo_ms", "met"), [(50, True), (22, None), (10, False)])
def test_the_objective_can_be_required_of_the_challenger(slo_ms: float, met: bool | None) -> None:
    plan = plan_of()
    run, verdict = conclude(plan, record(plan, (200.0, 10.0)), rules={"slo_ms": slo_ms})
    assert (verdict.baseline, verdict.challenger) == (run.baseline, run.challenger)
    assert meets(verdict, "slo", RulesConfig(slo_ms=slo_ms)) is met


def test_a_target_that_fails_too_often_for_the_metric_misses_every_objective() -> None:
    plan = plan_of()
    verdict = conclude(plan, record(plan, (2.0, 1.0), spoil=some_fail(NEW, 1, 16)))[1]
    assert verdict.targets["new"].p95_ms is None
    assert verdict.targets["new"].slo == "missed"
    assert meets(verdict, "slo", RulesConfig()) is False
