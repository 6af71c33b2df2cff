"""The table of gates: one entry is all there is to a gate, and stored gates stay readable."""

from __future__ import annotations

import pytest

from dragstrip.analysis import gates
from dragstrip.analysis.gates import (
    GATES,
    GateRule,
    bound_of,
    details_of,
    figure_of,
    fix_of,
    is_about_speed,
    says,
    words_of,
)
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.report import junit, markdown, terminal
from dragstrip.report.html import render
from dragstrip.run.model import Gate
from tests.support.runs import by_two_workers, conclude, kept_all, plan_of, record


def test_every_gate_has_a_name_of_its_own_and_a_fix() -> None:
    assert len({rule.name for rule in GATES}) == len({rule.words for rule in GATES}) == len(GATES)
    assert all(rule.words and rule.fix for rule in GATES)


@pytest.mark.parametrize("rule", GATES, ids=lambda rule: rule.name)
def test_a_figure_at_its_bound_passes_and_beyond_it_fails(rule: GateRule) -> None:
    plan = plan_of()
    run, _ = conclude(plan, by_two_workers(record(plan)), writes=kept_all(plan))
    stored = next(gate for gate in run.gates if gate.name == rule.name)
    assert f"at {rule.side} " in bound_of(stored)
    assert says(stored) == f"{rule.words}: {figure_of(stored)}, must be {bound_of(stored)}"
    assert stored.passed == (
        stored.figure >= stored.bound if rule.side == "least" else stored.figure <= stored.bound
    )


def test_one_entry_adds_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = GateRule(
        name="few_targets",
        words="targets of the race",
        figure=lambda evidence: len(evidence.totals),
        bound=1,
        fix="leave one out",
    )
    monkeypatch.setattr(gates, "GATES", (*GATES, rule))
    monkeypatch.setattr(gates, "_KNOWN", {one.name: one for one in gates.GATES})
    plan = plan_of()
    run, verdict = conclude(plan, record(plan))
    assert verdict.verdict == "invalid"
    assert "few_targets (targets of the race: 2, must be at most 1)" in verdict.reason
    short = " ".join(terminal.text(run, verdict).split())
    assert "targets of the race: 2, must be at most 1; fix: leave one out" in short


@pytest.mark.parametrize(
    ("figure", "bound", "passed", "words"),
    [
        (3, 5, True, "at most 5"),
        (7, 5, True, "at least 5"),
        (7, 5, False, "at most 5"),
        (3, 5, False, "at least 5"),
    ],
)
def test_a_stored_gate_that_is_no_longer_known_is_shown(
    figure: float, bound: float, passed: bool, words: str
) -> None:
    gate = Gate(name="older_gate", passed=passed, figure=figure, bound=bound)
    assert (words_of(gate), figure_of(gate), bound_of(gate)) == ("older_gate", str(figure), words)
    assert (fix_of(gate), is_about_speed(gate)) == (None, False)
    plan = plan_of()
    run, _ = conclude(plan, record(plan))
    run = run.model_copy(update={"gates": [*run.gates, gate]})
    verdict = judge(run, RulesConfig())
    assert (verdict.verdict == "invalid") == (not passed)
    reports = [
        terminal.text(run, verdict, verbose=True),
        render.render(run, verdict),
        junit.render(run, verdict),
        markdown.render(run, verdict).replace("\\", ""),
    ]
    assert all("older_gate" in report for report in reports)


def test_changed_data_is_told_by_its_first_difference() -> None:
    plan = plan_of()
    run, verdict = conclude(plan, record(plan), data_difference="contact 3 differs")
    failed = [gate for gate in run.gates if not gate.passed]
    assert [details_of(gate, run) for gate in failed] == ["contact 3 differs"]
    assert "changed_data (contact 3 differs)" in verdict.reason
    assert "✗ contact 3 differs; fix: " in terminal.text(run, verdict)
