"""What every report says of a race over own numbers, and of runs from before there were any."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.report import markdown, terminal
from dragstrip.report import text as words
from dragstrip.report.html import render
from dragstrip.run.model import Run
from tests.support.own_facts import own_facts
from tests.support.runs import conclude, plan_of, record
from tests.support.schema_validator import validator

if TYPE_CHECKING:
    from dragstrip.run.model import Verdict

OWN = own_facts(1500, 1480, "ab12" * 16).model_dump()


def own(**changes: Any) -> tuple[Run, Verdict]:
    plan = plan_of(miss=0)
    document = json.loads(conclude(plan, record(plan))[0].model_dump_json())
    document |= {"scenario": OWN} | changes
    run = Run.model_validate(document)
    return run, judge(run, RulesConfig())


@pytest.mark.parametrize(
    ("data_after", "words_of_it"),
    [
        ("same", "the same before the race and after it"),
        ("changed", "and changed when the race was over"),
        ("unchecked", "not checked again after the race"),
    ],
)
def test_every_report_says_what_was_compared_with_what(data_after: str, words_of_it: str) -> None:
    run, verdict = own(data_after=data_after)
    sentence = (
        "Data: 1,500 phone numbers from a keys file, 1,480 of them known; answers compared with "
        f"each other, not proven right; SHA-256 of the keys file ab12ab12ab12…, {words_of_it}."
    )
    assert words.data(run) == sentence
    assert sentence in " ".join(terminal.text(run, verdict).split())
    assert sentence in re.sub(r"\\(.)", r"\1", markdown.render(run, verdict))
    page = render.render(run, verdict).replace("&#39;", "'")
    assert sentence in " ".join(page.split())
    for text in (terminal.text(run, verdict), markdown.render(run, verdict)):
        assert "of seed" not in text
        assert "misses" not in text
    assert verdict.answers == "alike"


def test_wrong_answers_may_come_of_live_data() -> None:
    run, _ = own()
    gates = [
        gate.model_copy(update={"figure": 3.0, "passed": False})
        if gate.name == "wrong_answers"
        else gate
        for gate in run.gates
    ]
    verdict = judge(run.model_copy(update={"gates": gates}), RulesConfig())
    assert verdict.verdict == "invalid"
    assert "3 answers other than both targets gave before the race" in verdict.reason


def test_own_data_fits_the_schema_and_no_other_form_does() -> None:
    document = json.loads(own()[0].model_dump_json())
    validator("run").validate(document)
    facts = OWN["facts"]
    for wrong in (
        {"keys": 0},
        {"seed": 42},
        {"facts": facts | {"answers": "other"}},
        {"facts": facts | {"kind": "seeded"}},
        {"facts": {name: facts[name] for name in facts if name != "data"}},
    ):
        assert not validator("run").is_valid(document | {"scenario": OWN | wrong})
