"""What every report says of a race over own numbers, and of runs from before there were any."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip import schemas
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.report import markdown, terminal
from dragstrip.report import text as words
from dragstrip.report.html import render
from dragstrip.run.model import Run
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from dragstrip.run.model import Verdict

OWN = {"kind": "keys-file", "keys": 1500, "found": 1480, "sha256": "ab12" * 16}


def own(**changes: Any) -> tuple[Run, Verdict]:
    plan = plan_of(miss=0)
    document = json.loads(conclude(plan, record(plan))[0].model_dump_json())
    document |= {"dataset": OWN} | changes
    run = Run.model_validate(document)
    return run, judge(run, RulesConfig())


@pytest.mark.parametrize(
    ("data_after", "words_of_it"),
    [
        ("same", "the same before the race and after it"),
        ("changed", "and changed when the race was over"),
        ("unchecked", "nobody looked again after the race"),
    ],
)
def test_every_report_says_what_was_compared_with_what(data_after: str, words_of_it: str) -> None:
    run, verdict = own(data_after=data_after)
    sentence = (
        "Data: 1,500 phone numbers of your own (keys file's sha256 ab12ab12ab12…), 1,480 of them "
        "known; the targets' answers were compared with each other, not with known data: equal, "
        f"not proven right; {words_of_it}."
    )
    assert words.data(run) == sentence
    assert sentence in " ".join(terminal.text(run, verdict, verbose=True).split())
    assert sentence in re.sub(r"\\(.)", r"\1", markdown.render(run, verdict))
    page = render.render(run, verdict).replace("&#39;", "'")
    assert sentence in " ".join(page.split())
    for text in (terminal.text(run, verdict, verbose=True), markdown.render(run, verdict)):
        assert "of seed" not in text
        assert "misses" not in text
    assert verdict.data == "keys-file"


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
    assert "3 answers differ from what both targets gave before the race" in verdict.reason


def test_own_data_fits_the_schema_and_no_third_kind_does() -> None:
    document = json.loads(own()[0].model_dump_json())
    schemas.validator("run").validate(document)
    for wrong in ({"kind": "seeded"}, {"kind": "other"}, {"keys": 0}, {"seed": 42}):
        assert not schemas.validator("run").is_valid(document | {"dataset": OWN | wrong})


def test_a_run_from_before_there_were_kinds_is_of_seeded_data() -> None:
    plan = plan_of()
    run, verdict = conclude(plan, record(plan))
    document = json.loads(run.model_dump_json()) | {"schema_version": 1}
    del document["dataset"]["kind"]
    older = Run.model_validate(document)
    assert older.dataset.kind == "seeded"
    assert terminal.text(older, verdict, verbose=True) == terminal.text(run, verdict, verbose=True)
    schemas.validator("run").validate(document)
