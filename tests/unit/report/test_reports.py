"""Every report of every kind of run, against stored examples.

`UPDATE_SNAPSHOTS=1 pytest tests/unit/report` writes them anew; read the difference.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest

from dragstrip.analysis.gates import details_of, fix_of, words_of
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.report import markdown, svg, terminal
from dragstrip.report import text as words
from dragstrip.run.model import Run, StaleRead, Verdict
from tests.support.recorded import OPERATIONS
from tests.support.runs import STARTED, conclude, fail, kept_all, plan_of, record

if TYPE_CHECKING:
    from pydantic import BaseModel

    from dragstrip.ledger.rows import Rows
    from dragstrip.run.plan import PlannedSlice

SNAPSHOTS = Path(__file__).parent / "snapshots"


def some_fail(slice_: PlannedSlice, rows: Rows) -> None:
    if slice_.target == 1:
        fail(rows, slice(0, 3), status=503)
        fail(rows, slice(3, 4), status=500)


def hostile(run: Run, verdict: Verdict) -> tuple[Run, Verdict]:
    """Rename the targets as no configuration could, but a file may."""

    def renamed(form: BaseModel) -> str:
        text = form.model_dump_json()
        return text.replace('"old"', '"<script>x</script>"').replace('"new"', '"[bold]|x|_"')

    return Run.model_validate_json(renamed(run)), Verdict.model_validate_json(renamed(verdict))


def closed() -> tuple[Run, Verdict]:
    plan = plan_of(rate=0)
    return conclude(plan, record(plan))


def misses() -> tuple[Run, Verdict]:
    """Half of the lookups are for nobody, and the faster target misses the objective even so."""
    plan = plan_of(miss=0.5)
    return conclude(plan, record(plan), rules={"slo_ms": 15})


def operations() -> tuple[Run, Verdict]:
    """The challenger takes half as long for a lookup, and twice as long for a message."""
    plan = plan_of(operations=OPERATIONS)
    return conclude(plan, record(plan, ((20.0, 10.0), (5.0, 10.0)), spoil=some_fail))


CHANGED = "Supabase: contact 3 (Ana, +5511987654321): notes[0].content: 'a' where 'b' was stored"


def unsafe() -> tuple[Run, Verdict]:
    """A run that writes: the challenger has lost two messages, and hid some for a while."""
    plan, start_s = plan_of(), STARTED.timestamp()
    stale = [StaleRead(at_s=start_s + 5 + n / 3, age_ms=480 - n * 11) for n in range(40)]
    wrong: dict[str, Any] = {"lost": 2, "stored": 398, "stale": 40, "hidden": 40, "stable_ms": 480}
    wrong |= {"stale_reads": stale, "examples": {"lost": ["message 17 to contact 3 (Siti, 62811)"]}}
    return conclude(plan, record(plan), writes=kept_all(plan, **wrong))


@cache
def examples() -> dict[str, tuple[Run, Verdict]]:
    plan = plan_of()
    return {
        "adopt": conclude(plan, record(plan)),
        "lab": conclude(plan, record(plan), lab=True),
        "inconclusive": conclude(plan, record(plan, (20.0, 18.0), noise=0.5)),
        "failing": conclude(plan, record(plan, spoil=some_fail)),
        "invalid": conclude(plan, record(plan, samples=20), lab=True),
        "changed": conclude(plan, record(plan), data_difference=CHANGED),
        "closed": closed(),
        "misses": misses(),
        "operations": operations(),
        "unsafe": unsafe(),
        "empty": conclude(plan, [], interrupted=True),
        "hostile": hostile(*conclude(plan, record(plan))),
    }


@pytest.mark.parametrize("name", list(examples()))
@pytest.mark.parametrize("form", ["txt", "short.txt", "md"])
def test_reports_look_as_they_did(name: str, form: str) -> None:
    run, verdict = examples()[name]
    made = {
        "txt": lambda: terminal.text(run, verdict, verbose=True),
        "short.txt": lambda: terminal.text(run, verdict),
        "md": lambda: markdown.render(run, verdict),
    }[form]()
    stored = SNAPSHOTS / f"{name}.{form}"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        stored.parent.mkdir(exist_ok=True)
        stored.write_text(made)
    assert made == stored.read_text()


@pytest.mark.parametrize("name", list(examples()))
@pytest.mark.parametrize("verbose", [False, True])
def test_the_terminal_report_fits_80_columns(name: str, verbose: bool) -> None:
    lines = terminal.text(*examples()[name], verbose=verbose).splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", list(examples()))
def test_the_short_report_fits_a_screen_and_says_what_decides(name: str) -> None:
    run, verdict = examples()[name]
    report = terminal.text(run, verdict)
    # One line is for the path of the report, one for the next prompt.
    assert len(report.splitlines()) <= 24 - 2
    plain = " ".join(report.split())
    failed = [gate for gate in verdict.gates if not gate.passed]
    assert f"{len(verdict.gates) - len(failed)} of {len(verdict.gates)} validity checks" in plain
    for sentence in (words.short_headline(run, verdict), words.comparison(run, verdict) or ""):
        assert " ".join(sentence.split()) in plain
    for gate in failed:
        assert f"fix: {fix_of(gate)}" in plain


def test_the_short_report_keeps_doubts_about_the_interval() -> None:
    run, verdict = examples()["lab"]
    assert verdict.cross_check
    assert verdict.dependence
    doubtful = verdict.model_copy(
        update={
            "cross_check": verdict.cross_check.model_copy(update={"agrees": False}),
            "dependence": verdict.dependence.model_copy(update={"reason": "they drift"}),
        }
    )
    report = terminal.text(run, doubtful)
    assert len(report.splitlines()) <= 24 - 2
    plain = " ".join(report.split())
    assert len(words.doubts(doubtful)) == 2
    assert all(" ".join(doubt.split()) in plain for doubt in words.doubts(doubtful))


def test_a_run_that_fails_every_gate_still_fits_a_screen() -> None:
    run, verdict = examples()["lab"]
    failed = [gate.model_copy(update={"passed": False}) for gate in run.gates]
    run = run.model_copy(update={"gates": failed, "closed_model": True})
    report = terminal.text(run, judge(run, RulesConfig()))
    assert len(report.splitlines()) <= 24 - 2
    assert f"and {len(failed) - 4} more" in report
    assert "0 of 16 validity checks passed" in report
    assert verdict.verdict not in report


@pytest.mark.parametrize("name", ["lab", "invalid"])
def test_a_lab_run_says_so_first(name: str) -> None:
    run, verdict = examples()[name]
    assert "Embedded lab" in "".join(terminal.text(run, verdict).splitlines()[:2])
    assert markdown.render(run, verdict).startswith(f"> **{words.LAB_BANNER}**")


@pytest.mark.parametrize("name", ["invalid", "changed", "empty"])
def test_an_invalid_run_gives_its_reason_first_and_names_no_winner(name: str) -> None:
    run, verdict = examples()[name]
    drawn = "".join(ElementTree.fromstring(svg.render(run, verdict)).itertext())
    every = terminal.text(run, verdict, verbose=True)
    for report in (terminal.text(run, verdict), every, markdown.render(run, verdict), drawn):
        plain = " ".join(re.sub(r"[\\│╭╮╰╯─]", "", report).split())
        gate = next(gate for gate in verdict.gates if not gate.passed)
        why = " ".join((details_of(gate, run) or words_of(gate)).split()[:3])
        assert plain.index("INVALID") < plain.index(why) < plain.index("verified requests")
        assert "interval" not in plain
        assert "slo_ms" not in plain
        assert not any(word in plain for word in ("ADOPT", "BETTER", "WORSE", "EQUIVALENT"))


def test_a_closed_model_is_labelled_before_any_figure() -> None:
    run, verdict = examples()["closed"]
    drawn = "".join(ElementTree.fromstring(svg.render(run, verdict)).itertext())
    every = terminal.text(run, verdict, verbose=True)
    for report in (terminal.text(run, verdict), every, markdown.render(run, verdict), drawn):
        assert report.index("Closed") < report.index("verified")
    assert "closed model" in words.conditions(run)
    assert "offered rate" not in every


def test_a_single_pair_is_one_pair() -> None:
    plan = plan_of(1)
    run, _ = conclude(plan, record(plan))
    assert words.conditions(run).startswith("1 pair of 3 s slices")


def test_markdown_takes_no_markup_from_names() -> None:
    report = markdown.render(*examples()["hostile"])
    assert "<script>" not in report
    assert "\\<script\\>" in report
    header = next(line for line in report.splitlines() if "challenger" in line and "|" in line)
    assert header.count(" | ") == 2


@pytest.mark.parametrize("name", list(examples()))
def test_markdown_folds_what_holds_and_leaves_nothing_out(name: str) -> None:
    run, verdict = examples()[name]
    report = markdown.render(run, verdict)
    is_sound = all(gate.passed for gate in verdict.gates)
    assert report.count("<details><summary>") == (2 if is_sound else 1)
    assert report.count("<details open><summary>") == (0 if is_sound else 1)
    assert report.index("###") < report.index("| verified requests") < report.index("<details")
    for label, *cells in words.rows(run):
        assert markdown._row((label, *cells)) in report.splitlines()


@pytest.mark.parametrize(("name", "state"), [("adopt", "met"), ("misses", "not met")])
def test_markdown_says_what_came_of_the_requirement(name: str, state: str) -> None:
    report = markdown.render(*examples()[name], "slo")
    assert f"`--require slo`: {state}." in report.splitlines()


def test_markdown_stays_a_table_whatever_a_line_holds() -> None:
    run, verdict = examples()["adopt"]
    name = json.dumps("a\n\n# b | c\r\nd")
    run = Run.model_validate_json(run.model_dump_json().replace('"new"', name))
    verdict = Verdict.model_validate_json(verdict.model_dump_json().replace('"new"', name))
    report = markdown.render(run, verdict)
    assert "|  | old \\(baseline\\) | a \\# b \\| c d \\(challenger\\) |" in report.splitlines()


@pytest.mark.parametrize("name", list(examples()))
def test_the_picture_says_what_the_terminal_says_and_loads_nothing(name: str) -> None:
    run, verdict = examples()[name]
    drawn = svg.render(run, verdict)
    said = "".join(ElementTree.fromstring(drawn).itertext())
    for word in re.findall(r"[\w.]+", terminal.text(run, verdict)):
        assert word in said
    assert not re.search(r"url\((?!#)|@import|href=|src=|<script", drawn)
