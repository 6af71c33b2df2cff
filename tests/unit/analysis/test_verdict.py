"""Recorded races in, verdicts out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dragstrip.analysis.aggregate import summarise
from dragstrip.analysis.gates import GATES
from dragstrip.analysis.verdict import meets
from dragstrip.config.config import RulesConfig
from dragstrip.ledger.rows import Flag, Outcome, Rows
from tests.support.runs import conclude, fail, finish_of, kept_all, plan_of, record

OF_WRITES = {"lost_writes", "duplicate_writes", "stale_reads", "foreign_writes"}
EVERY_RUN = {rule.name for rule in GATES} - OF_WRITES - {"refused_workers", "outages", "throttled"}
"""Those of a race by one process without a limit, which noted nothing of when targets answered."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.run.model import Verdict
    from dragstrip.run.plan import PlannedSlice
    from dragstrip.run.slice_report import SliceReport

OLD, NEW = 0, 1


def verdict_of(
    medians_ms: tuple[float, float] = (20.0, 20.0),
    *,
    rules: dict[str, Any] | None = None,
    **how: Any,
) -> Verdict:
    plan = plan_of(how.pop("pairs", 8))
    return conclude(plan, record(plan, medians_ms, **how), rules=rules)[1]


def failed_gates(verdict: Verdict) -> set[str]:
    return {gate.name for gate in verdict.gates if not gate.passed}


@pytest.mark.parametrize(
    ("medians_ms", "word"),
    [
        ((20.0, 10.0), "adopt"),
        ((20.0, 14.5), "better"),
        ((20.0, 20.0), "equivalent"),
        ((20.0, 29.0), "worse"),
        ((10.0, 20.0), "worse"),
    ],
)
def test_the_verdict_follows_the_injected_ratio(medians_ms: tuple[float, float], word: str) -> None:
    verdict = verdict_of(medians_ms)
    assert verdict.verdict == word
    # Eight pairs that scatter by 5 % and have 200 samples each come this close to the truth.
    assert verdict.ratio == pytest.approx(medians_ms[1] / medians_ms[0], rel=0.15)


def test_adopting_needs_the_objective_as_well() -> None:
    verdict = verdict_of((20.0, 10.0), rules={"slo_ms": 5})
    assert verdict.verdict == "better"
    assert "objective of 5 ms" in verdict.reason


def test_much_scatter_is_inconclusive_and_says_how_many_pairs_would_do() -> None:
    verdict = verdict_of((20.0, 18.0), noise=0.5)
    assert verdict.verdict == "inconclusive"
    assert verdict.pairs_needed is not None
    assert verdict.pairs_needed > 8


@pytest.mark.parametrize("pairs", [1, 2, 5])
def test_too_few_pairs_never_name_a_winner(pairs: int) -> None:
    verdict = verdict_of((20.0, 1.0), pairs=pairs)
    assert verdict.verdict == "inconclusive"
    assert "a verdict needs 6" in verdict.reason


def spoil(target: int, share: float, response_ms: float = 1.0) -> Any:
    """Make a share of one target's lookups fail, fast."""

    def change(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.target == target:
            some = slice(0, round(share * len(rows)))
            fail(rows, some)
            rows["done_ns"][some] = rows["scheduled_ns"][some] + round(response_ms * 1e6)

    return change


@pytest.mark.parametrize("share", [0.005, 0.04, 0.5, 1.0])
def test_a_challenger_that_fails_fast_never_wins(share: float) -> None:
    verdict = verdict_of((20.0, 2.0), spoil=spoil(NEW, share))
    assert verdict.verdict in {"worse", "invalid"}
    assert verdict.targets["new"].failed == {"http_500": round(share * 200) * 8}


def test_a_baseline_that_fails_fast_does_not_win_either() -> None:
    verdict = verdict_of((20.0, 20.0), spoil=spoil(OLD, 0.5))
    assert verdict.verdict == "inconclusive"
    assert verdict.ratio is None
    assert verdict.targets["old"].p95_ms is None


def test_two_failing_targets_leave_it_open() -> None:
    def both(slice_: PlannedSlice, rows: Rows) -> None:
        fail(rows, slice(0, 2))

    verdict = verdict_of((20.0, 2.0), spoil=both)
    assert verdict.verdict == "inconclusive"
    assert meets(verdict, "not-worse", RulesConfig()) is None


def test_failures_rank_as_slower_than_any_answer() -> None:
    healthy = verdict_of((20.0, 20.0))
    # 4 % of fast failures move the p95 up to what was the p99, and take the p99 away.
    failing = verdict_of((20.0, 20.0), spoil=spoil(NEW, 0.04))
    before, after = healthy.targets["new"], failing.targets["new"]
    assert before.p95_ms is not None
    assert after.p95_ms is not None
    assert after.p95_ms > before.p95_ms
    assert after.p99_ms is None


def wrong(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.index == 3:
        fail(rows, slice(0, 1), Outcome.WRONG_ANSWER, 200)


def wrong_while_settling(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.index == 3:
        fail(rows, slice(0, 1), Outcome.WRONG_ANSWER, 200)
        rows["flags"][0] = 0


def late(slice_: PlannedSlice, rows: Rows) -> None:
    rows["sent_ns"] += 60_000_000
    rows["done_ns"] += 60_000_000


def unsent(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.target == NEW:
        rows["sent_ns"][:20] += 10**10
        rows["done_ns"][:20] += 10**10
        rows["flags"][:1] |= np.uint8(Flag.NO_CONNECTION)
        rows["sent_ns"][1:20] = rows["scheduled_ns"][1:20]
        rows["outcome"][1:20] = Outcome.UNSENT


def no_connection(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.target == NEW:
        rows["flags"][:3] |= np.uint8(Flag.NO_CONNECTION)


def reconnecting(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.target == NEW:
        rows["opened"][:15] = rows["reconnected"][:15] = 1


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        (wrong, "wrong_answers"),
        (wrong_while_settling, "wrong_answers"),
        (late, "send_delay_p99_ms"),
        (unsent, "achieved_rate"),
        (no_connection, "no_connection"),
        (reconnecting, "reconnects"),
    ],
)
def test_a_gate_that_fails_makes_the_run_invalid(change: Any, gate: str) -> None:
    verdict = verdict_of((20.0, 2.0), spoil=change)
    assert verdict.verdict == "invalid"
    assert failed_gates(verdict) == {gate}
    assert (verdict.ratio, verdict.low, verdict.high) == (None, None, None)


def test_a_target_without_a_single_right_answer_makes_the_run_invalid() -> None:
    verdict = verdict_of((20.0, 2.0), spoil=spoil(NEW, 1.0))
    assert failed_gates(verdict) == {"verified"}


def test_small_slices_make_the_run_invalid() -> None:
    assert failed_gates(verdict_of(samples=58)) == {"samples_per_slice"}
    assert failed_gates(verdict_of(samples=59)) == set()
    assert failed_gates(verdict_of(samples=298, rules={"metric": "p99"})) == {"samples_per_slice"}


def busy(report: SliceReport) -> None:
    if report["index"] == 5:
        report["workers"][0]["cpu_s"] = 2.9


def stepping(report: SliceReport) -> None:
    if report["index"] == 5:
        report["workers"][0]["clock_step_ms"] = -150.0


def throttled(report: SliceReport) -> None:
    if report["index"] == 5:
        worker = report["workers"][0]
        worker["throttled_s"] = 0.02 * worker["wall_s"]


def within_its_limit(report: SliceReport) -> None:
    worker = report["workers"][0]
    worker["throttled_s"] = 0.009 * worker["wall_s"]


def lagging(report: SliceReport) -> None:
    report["workers"][0]["loop_lag_p99_ms"] = 30.0


def lagging_once(report: SliceReport) -> None:
    if report["index"] == 5:
        lagging(report)


@pytest.mark.parametrize(
    ("change", "gates"),
    [
        (busy, {"generator_cpu"}),
        (stepping, {"clock_step_ms"}),
        (throttled, {"throttled"}),
        (within_its_limit, set()),
        (lagging, {"loop_lag_ms"}),
        (lagging_once, set()),
    ],
)
def test_a_generator_in_trouble_makes_the_run_invalid(
    change: Callable[[SliceReport], None], gates: set[str]
) -> None:
    plan = plan_of()
    reports = record(plan)
    for report in reports:
        change(report)
    assert failed_gates(conclude(plan, reports)[1]) == gates


def test_a_void_slice_takes_its_pair_out_and_makes_the_run_invalid() -> None:
    plan = plan_of()
    reports = record(plan)
    whole = conclude(plan, reports)[0]
    reports[5]["void"] = "worker 1 was lost"
    run, verdict = conclude(plan, reports)
    assert failed_gates(verdict) == {"voided_pairs"}
    assert "voided_pairs" in verdict.reason
    assert [part.index for part in run.slices] == [i for i in range(16) if i not in {4, 5}]
    assert run.targets["old"].requests == whole.targets["old"].requests - 200


def test_a_lost_worker_makes_the_run_invalid() -> None:
    plan = plan_of()
    reports = record(plan)
    finish = finish_of(plan, reports)
    finish["lost_workers"] = [1]
    assert failed_gates(conclude(plan, reports, finish=finish)[1]) == {"lost_workers"}


@pytest.mark.parametrize("change", ["row", "count", "silent"])
def test_final_counts_that_differ_from_the_slices_make_the_run_invalid(change: str) -> None:
    plan = plan_of()
    reports = record(plan)
    finish = finish_of(plan, reports)
    if change == "row":
        finish["workers"]["0"]["rows"] += 1
    elif change == "count":
        finish["workers"]["0"]["tallies"]["1"]["0"]["requests"] -= 1
    else:
        finish["workers"] = {}
    _, verdict = conclude(plan, reports, finish=finish)
    gate = next(gate for gate in verdict.gates if gate.name == "lost_rows")
    assert failed_gates(verdict) == {"lost_rows"}
    assert gate.figure == (3200 if change == "silent" else 1)


def test_data_that_changed_makes_the_run_invalid_and_names_the_difference() -> None:
    plan = plan_of()
    run, verdict = conclude(plan, record(plan), data_difference="Convex: contact 3: name differs")
    assert failed_gates(verdict) == {"changed_data"}
    assert "Convex: contact 3: name differs" in verdict.reason
    assert run.data_after == "changed"


def test_a_closed_model_is_labelled_and_not_judged_by_what_is_due() -> None:
    plan = plan_of(rate=0)

    def wait_for_connections(slice_: PlannedSlice, rows: Rows) -> None:
        late(slice_, rows)
        no_connection(slice_, rows)

    run, verdict = conclude(plan, record(plan, (20.0, 20.0), spoil=wait_for_connections))
    assert run.closed_model
    assert verdict.closed_model
    assert failed_gates(verdict) == set()
    left_out = {"achieved_rate", "no_connection", "send_delay_p99_ms"}
    assert {gate.name for gate in verdict.gates} == EVERY_RUN - left_out


def test_every_condition_is_judged_and_an_invalid_run_lets_nobody_pass() -> None:
    verdict = verdict_of((20.0, 2.0), samples=58)
    assert {gate.name for gate in verdict.gates} == EVERY_RUN
    assert "requests in the smallest slice: 58, must be at least 59" in verdict.reason
    assert (verdict.ratio, verdict.secondary, verdict.cross_check) == (None, {}, None)
    for side in verdict.targets.values():
        assert (side.slo, side.low_ms, side.high_ms) == (None, None, None)


def test_a_race_that_ended_by_itself_leaves_final_counts() -> None:
    plan = plan_of()
    reports = record(plan)
    gates = summarise(plan, reports, "p95", interrupted=False).gates
    assert next(gate.figure for gate in gates if gate.name == "lost_rows") == 3200
    cut_short = summarise(plan, reports[:9], "p95", interrupted=True).gates
    assert "lost_rows" not in {gate.name for gate in cut_short}


@pytest.mark.parametrize("order", ["as they ran", "reversed", "shuffled"])
def test_slices_may_come_in_any_order_and_one_at_a_time(order: str) -> None:
    plan = plan_of()
    reports = record(plan)
    expected = summarise(plan, reports, "p95", interrupted=False)
    if order == "reversed":
        reports.reverse()
    elif order == "shuffled":
        random.Random(3).shuffle(reports)
    found = summarise(plan, iter(reports), "p95", interrupted=False)
    assert found.totals == expected.totals
    assert {part.index: part for part in found.slices} == {p.index: p for p in expected.slices}


def test_lateness_is_small_beside_slow_targets() -> None:
    assert failed_gates(verdict_of((900.0, 800.0), spoil=late)) == set()


def test_an_interrupted_run_is_invalid_and_keeps_its_complete_pairs() -> None:
    plan = plan_of()
    reports = record(plan)
    run, verdict = conclude(plan, reports[:5], interrupted=True)
    assert failed_gates(verdict) == {"complete_pairs"}
    assert [part.index for part in run.slices] == [0, 1, 2, 3]
    assert run.targets["new"].requests == 400

    at_the_end = conclude(plan, reports, interrupted=True)[1]
    assert failed_gates(at_the_end) == {"complete_pairs"}


def test_a_run_that_recorded_nothing_is_invalid() -> None:
    plan = plan_of()
    run, verdict = conclude(plan, [], interrupted=True)
    assert verdict.verdict == "invalid"
    assert run.slices == []
    assert run.targets["old"].p50_ms is None


def test_swapping_the_sides_mirrors_the_verdict() -> None:
    plan = plan_of()
    reports = record(plan, (20.0, 10.0))
    run, verdict = conclude(plan, reports)
    swapped = run.model_copy(update={"baseline": "new", "challenger": "old"})
    from dragstrip.analysis.verdict import judge

    mirrored = judge(swapped, RulesConfig())
    assert (verdict.verdict, mirrored.verdict) == ("adopt", "worse")
    assert verdict.ratio is not None
    assert mirrored.ratio == pytest.approx(1 / verdict.ratio)


def test_equal_targets_are_hardly_ever_told_apart() -> None:
    plan = plan_of(6)
    words = [
        conclude(plan, record(plan, (20.0, 20.0), noise=0.1, samples=100, seed=seed))[1].verdict
        for seed in range(100)
    ]
    assert set(words) <= {"equivalent", "inconclusive", "better", "worse"}
    # 5 % of 100, and three standard errors of that; `python -m benchmarks.inference` makes many.
    assert sum(word in {"better", "worse"} for word in words) <= 11


@pytest.mark.parametrize(
    ("medians_ms", "met"),
    [
        ((20.0, 10.0), {"adopt", "better", "not-worse"}),
        ((20.0, 14.5), {"better", "not-worse"}),
        ((20.0, 20.0), {"equivalent", "not-worse"}),
        ((10.0, 20.0), set()),
    ],
)
def test_requirements(medians_ms: tuple[float, float], met: set[str]) -> None:
    verdict = verdict_of(medians_ms)
    every: list[Any] = ["adopt", "better", "equivalent", "not-worse"]
    assert {one for one in every if meets(verdict, one, RulesConfig())} == met
    assert all(meets(verdict, one, RulesConfig()) is not None for one in every)


def test_a_requirement_stays_open_when_the_run_is() -> None:
    verdict = verdict_of((20.0, 18.0), noise=0.5)
    assert meets(verdict, "better", RulesConfig()) is None


def test_not_worse_needs_the_upper_end_alone() -> None:
    verdict = verdict_of((20.0, 20.0), noise=0.15)
    assert verdict.verdict == "inconclusive"
    assert verdict.high is not None
    assert verdict.high < 1.25
    assert meets(verdict, "not-worse", RulesConfig()) is True
    assert meets(verdict, "equivalent", RulesConfig()) is None


def test_quantiles_are_nearest_rank() -> None:
    def hundred(slice_: PlannedSlice, rows: Rows) -> None:
        rows["done_ns"] = (
            rows["scheduled_ns"] + np.random.default_rng(0).permutation(100) * 10**6 + 10**6
        )

    plan = plan_of(6)
    run, _ = conclude(plan, record(plan, samples=100, spoil=hundred))
    first = (run.slices[0].p50_ms, run.slices[0].p95_ms, run.slices[0].p99_ms)
    assert first == pytest.approx((50, 95, 99), rel=2.5e-4)
    assert run.targets["old"].p50_ms == pytest.approx(50, rel=2.5e-4)
    assert run.targets["old"].service_p50_ms == pytest.approx(49.9, rel=2.5e-4)
    assert run.targets["old"].query_p50_ms == 0.5
    assert run.targets["old"].total_p50_ms == 0.9
    assert run.targets["old"].offered_per_s == 50


@pytest.mark.parametrize(
    ("wrong", "gate", "words"),
    [
        ({"lost": 3}, "lost_writes", "new lost 3 of 400 acknowledged messages"),
        ({"duplicated": 2}, "duplicate_writes", "new stored 2 messages more than once"),
        (
            {"stale": 9, "hidden": 7, "stable_ms": 480},
            "stale_reads",
            "new hid acknowledged messages from 7 of 400 lookups, for up to 480 ms",
        ),
    ],
)
def test_a_target_that_breaks_its_word_is_unsafe_however_fast_it_is(
    wrong: dict[str, int], gate: str, words: str
) -> None:
    plan = plan_of()
    reports = record(plan, (20.0, 2.0))
    run, verdict = conclude(plan, reports, writes=kept_all(plan, **wrong))
    assert (verdict.verdict, failed_gates(verdict)) == ("unsafe", {gate})
    assert verdict.reason == words
    assert (verdict.ratio, verdict.secondary, verdict.compares) == (None, {}, False)
    assert verdict.writes == run.writes
    assert not meets(verdict, "not-worse", RulesConfig())
    kept, adopted = conclude(plan, reports, writes=kept_all(plan))
    assert (adopted.verdict, kept.writes["new"].is_safe) == ("adopt", True)


def test_an_unsafe_target_is_named_before_all_that_makes_the_run_invalid() -> None:
    plan = plan_of()
    wrong = kept_all(plan, lost=1, unexpected=4)
    _, verdict = conclude(plan, record(plan, samples=58), writes=wrong)
    assert verdict.verdict == "unsafe"
    assert failed_gates(verdict) == {"lost_writes", "foreign_writes", "samples_per_slice"}
    _, verdict = conclude(plan, record(plan), writes=kept_all(plan, unexpected=4))
    assert verdict.verdict == "invalid"
    assert "new holds 4 messages that were never sent" in verdict.reason
