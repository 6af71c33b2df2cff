"""Runs with several operations, of known truth: one decides, the others are compared beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dragstrip.analysis.compare import compare
from dragstrip.analysis.history import history
from dragstrip.analysis.operations import decisive, only
from dragstrip.analysis.regression import Tolerance
from dragstrip.analysis.rule_checks import clauses
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.errors import ConfigError, UsageError
from dragstrip.report.comparison import markdown
from dragstrip.run.model import Run
from dragstrip.run.plan import PlannedOperation
from tests.support.recorded import OPERATIONS
from tests.support.runs import STARTED, conclude, fail, plan_of, record

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from dragstrip.run.model import Figures, Slice, TargetTotals, Verdict
    from dragstrip.run.plan import Plan, PlannedSlice

MEDIANS_MS = ((20.0, 10.0), (5.0, 10.0))
"""The challenger takes half as long for a lookup, and twice as long for a message."""


def raced(operation: str | None = None) -> tuple[Run, Verdict]:
    plan = plan_of(operations=OPERATIONS)
    rules = {"operation": operation} if operation else {}
    return conclude(plan, record(plan, MEDIANS_MS), rules=rules)


@pytest.mark.parametrize(
    ("operation", "word", "ratio"),
    [(None, "adopt", 0.5), ("lookup", "adopt", 0.5), ("message", "worse", 2.0)],
)
def test_the_verdict_is_on_one_operation(operation: str | None, word: str, ratio: float) -> None:
    run, verdict = raced(operation)
    assert verdict.operation == (operation or "lookup")
    assert verdict.verdict == word
    assert verdict.ratio == pytest.approx(ratio, rel=0.1)
    other = "message" if verdict.operation == "lookup" else "lookup"
    assert verdict.secondary[f"{other} p95"].effect == pytest.approx(1 / ratio, rel=0.1)
    assert set(verdict.secondary) == {
        f"{name} {measure}"
        for name in ("lookup", "message")
        for measure in ("p50", "p95", "p99", "throughput", "error_rate")
    } - {f"{verdict.operation} p95"}
    shown = verdict.targets["new"]
    assert shown.p95_ms == run.targets["new"].operations[verdict.operation].p95_ms
    assert verdict.cross_check is not None
    assert verdict.cross_check.low <= verdict.ratio <= verdict.cross_check.high  # type: ignore[operator]


def test_more_comparisons_are_corrected_for_together() -> None:
    _, verdict = raced()
    for comparison in verdict.secondary.values():
        assert comparison.p <= comparison.p_adjusted
    smallest = min(verdict.secondary.values(), key=lambda one: one.p)
    assert smallest.p_adjusted == pytest.approx(smallest.p * len(verdict.secondary))


def test_operations_add_up_to_the_whole() -> None:
    run, _ = raced()
    wholes: list[Slice | TargetTotals] = [*run.slices, *run.targets.values()]
    for whole in wholes:
        operations: dict[str, Figures] = dict(whole.operations)
        assert list(operations) == ["lookup", "message"]
        for count in ("requests", "verified", "offered_per_s", "achieved_per_s"):
            found = sum(getattr(part, count) for part in operations.values())
            assert found == pytest.approx(getattr(whole, count))
    for total in run.targets.values():
        lookup, message = total.operations.values()
        assert lookup.opened + message.opened == total.opened
        assert len(lookup.distribution) == len(message.distribution) == len(total.distribution) > 0
        assert min(lookup.low_ms or 0, message.low_ms or 0) == total.low_ms
        assert max(lookup.high_ms or 0, message.high_ms or 0) == total.high_ms


def test_an_operations_figures_are_those_of_a_race_of_it_alone() -> None:
    plan = plan_of(operations=OPERATIONS)
    reports = record(plan, MEDIANS_MS)
    run, _ = conclude(plan, reports)
    for number, operation in enumerate(OPERATIONS):
        alone = plan_of(operations=[operation])
        for report in reports:
            for worker in report["workers"]:
                worker["tallies"] = {
                    target: {"0": forms[str(number)]} for target, forms in worker["tallies"].items()
                }
        expected, _ = conclude(alone, reports)
        found = only(run, operation.name)
        for name, total in expected.targets.items():
            assert found.targets[name].model_copy(update={"operations": {}}) == total
        reports = record(plan, MEDIANS_MS)


def test_a_rare_operation_that_fails_cannot_be_outvoted() -> None:
    plan = plan_of(operations=[PlannedOperation(name="lookup", weight=99), OPERATIONS[1]])

    def spoil(slice_: PlannedSlice, rows: Rows) -> None:
        rows["operation"] = np.arange(len(rows)) % 20 == 0
        if slice_.target == 1:
            fail(rows, slice(0, 20, 20))

    run, verdict = conclude(plan, record(plan, spoil=spoil), rules={"max_error_rate": 0.01})
    assert run.targets["new"].error_rate < 0.01
    assert run.targets["new"].operations["message"].error_rate > 0.05
    assert verdict.operation == "lookup"
    assert verdict.verdict == "worse"
    assert "of its message requests fail" in verdict.reason
    states = {
        one.name: one.state for one in clauses(run, verdict, RulesConfig(max_error_rate=0.01))
    }
    assert states["max_error_rate of new message"] == "fails"
    assert states["max_error_rate of new lookup"] == "holds"


def test_the_fewest_requests_are_those_of_the_operation_that_decides() -> None:
    def figure(operation: str, plan: Plan) -> float:
        def spoil(_: PlannedSlice, rows: Rows) -> None:
            rows["operation"] = np.arange(len(rows)) >= 70

        _, verdict = conclude(plan, record(plan, spoil=spoil), rules={"operation": operation})
        return next(gate.figure for gate in verdict.gates if gate.name == "samples_per_slice")

    plan = plan_of(operations=OPERATIONS)
    assert figure("lookup", plan) == 70
    assert figure("message", plan) == 130


def test_an_operation_of_which_nothing_is_verified_makes_the_run_invalid() -> None:
    plan = plan_of(operations=OPERATIONS)

    def spoil(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.target == 1:
            fail(rows, slice(1, None, 2))

    _, verdict = conclude(plan, record(plan, spoil=spoil))
    assert [gate.name for gate in verdict.gates if not gate.passed] == ["verified"]


@pytest.mark.parametrize(
    ("weights", "expected"), [((1,), None), ((1, 1), "a"), ((1, 2), "b"), ((3, 2, 3), "a")]
)
def test_by_default_the_heaviest_operation_decides(
    weights: tuple[float, ...], expected: str | None
) -> None:
    operations = [
        PlannedOperation(name=name, weight=weight)
        for name, weight in zip("abc", weights, strict=False)
    ]
    assert decisive(operations, None) == expected


def test_an_operation_that_is_not_there_cannot_decide() -> None:
    with pytest.raises(ConfigError, match=r'rules\.operation: .* no operation "chat"'):
        raced("chat")
    plan = plan_of()
    _, verdict = conclude(plan, record(plan), rules={"operation": "lookup"})
    assert verdict.operation is None


def test_a_run_from_before_there_were_operations_had_one() -> None:
    plan = plan_of()
    run, _ = conclude(plan, record(plan))
    stored = json.loads(run.model_dump_json())
    del stored["operations"]
    del stored["config"]["rules"]["operation"]
    for part in (*stored["slices"], *stored["targets"].values()):
        assert part.pop("operations") == {}
    assert Run.model_validate(stored).model_copy(update={"config": run.config}) == run


def on_two_days(operation: str) -> tuple[Run, Run]:
    """Return runs in which the baseline's messages take twice as long the day after."""
    rules, runs = {"operation": operation}, []
    for day, message_ms in enumerate((10.0, 20.0)):
        plan = plan_of(operations=OPERATIONS)
        medians = ((20.0, 20.0), (message_ms, message_ms))
        run, _ = conclude(plan, record(plan, medians, seed=day, noise=0.02), rules=rules)
        update = {"id": f"run-{day}", "started": STARTED + timedelta(days=day)}
        runs.append(run.model_copy(update=update))
    return runs[0], runs[1]


@pytest.mark.parametrize(("operation", "ratio"), [("lookup", 1.0), ("message", 2.0)])
def test_a_comparison_over_time_looks_at_the_operation_that_decides(
    operation: str, ratio: float
) -> None:
    older, newer = on_two_days(operation)
    found = compare(older, newer, Tolerance())
    assert found.operation == operation
    assert (found.verdict == "regression") is (ratio == 2)
    assert found.ratio == pytest.approx(ratio, rel=0.1)
    assert found.newer.p95_ms == newer.targets["old"].operations[operation].p95_ms
    assert found.newer.requests == newer.targets["old"].requests
    assert f"{operation} p95 newer/older" in markdown(found)


def test_failures_of_another_operation_are_not_lost_in_a_comparison() -> None:
    def messages_fail(turn: PlannedSlice, rows: Rows) -> None:
        fail(rows, slice(1, None, 2))

    older, _ = on_two_days("lookup")
    plan = plan_of(operations=OPERATIONS)
    newer, _ = conclude(plan, record(plan, spoil=messages_fail))
    newer = newer.model_copy(
        update={"id": "failing", "started": STARTED + timedelta(days=2), "gates": older.gates}
    )
    assert compare(older, newer, Tolerance()).verdict == "regression"


def test_a_run_without_that_operation_is_not_compared() -> None:
    _, newer = on_two_days("message")
    plan = plan_of()
    older, _ = conclude(plan, record(plan))
    older = older.model_copy(update={"id": "older", "started": STARTED - timedelta(days=1)})
    with pytest.raises(UsageError, match="run older has no operation message"):
        compare(older, newer, Tolerance(), force=True)


def test_a_history_is_of_the_operation_that_decides() -> None:
    stored = [(run, judge(run, RulesConfig(operation="message"))) for run in on_two_days("message")]
    found = history(stored, "old", "p95", operation="message")
    values = [one.value_ms or 0 for one in found.runs]
    assert values[1] / values[0] == pytest.approx(2, rel=0.05)
    plan = plan_of()
    alone = history([conclude(plan, record(plan))], "old", "p95", operation="message")
    assert alone.runs[0].note == "no operation message beside others"
