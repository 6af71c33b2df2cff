"""What `race` makes of a verdict: the exit code that errors.py documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragstrip import commands, locust_process
from dragstrip.config import RulesConfig
from dragstrip.errors import DragstripError
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from dragstrip.analyse.model import Verdict
    from dragstrip.analyse.rules import Requirement


def verdict_of(medians_ms: tuple[float, float], **how: Any) -> Verdict:
    plan = plan_of()
    return conclude(plan, record(plan, medians_ms, **how))[1]


VERDICTS = {
    "adopt": verdict_of((20.0, 10.0)),
    "worse": verdict_of((10.0, 20.0)),
    "inconclusive": verdict_of((20.0, 18.0), noise=0.5),
    "invalid": verdict_of((20.0, 10.0), samples=10),
}


def exit_code(word: str, requirement: Requirement | None) -> tuple[int, str]:
    assert VERDICTS[word].verdict == word
    try:
        commands._judge(VERDICTS[word], requirement, RulesConfig())
    except DragstripError as error:
        return error.exit_code, f"{error.message} {error.fix}"
    return 0, ""


@pytest.mark.parametrize(
    ("word", "requirement", "code"),
    [
        ("adopt", None, 0),
        ("adopt", "adopt", 0),
        ("adopt", "not-worse", 0),
        ("adopt", "equivalent", 1),
        ("worse", None, 0),
        ("worse", "not-worse", 1),
        ("inconclusive", None, 0),
        ("inconclusive", "better", 4),
        ("invalid", None, 3),
        ("invalid", "not-worse", 3),
    ],
)
def test_exit_codes(word: str, requirement: Requirement | None, code: int) -> None:
    assert exit_code(word, requirement)[0] == code


def test_an_open_requirement_says_how_many_pairs_would_settle_it() -> None:
    verdict = VERDICTS["inconclusive"]
    assert verdict.pairs_needed
    assert f"--pairs {verdict.pairs_needed}" in exit_code("inconclusive", "better")[1]


def test_an_invalid_run_says_what_to_do() -> None:
    assert "raise --rate" in exit_code("invalid", None)[1]


def test_the_key_is_not_on_locusts_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_API_KEY", "a-secret")
    for processes in (1, 4):
        assert "a-secret" not in " ".join(locust_process._command(processes))
