"""JUnit XML: of the form, true to the exit code, and well-formed whatever a run is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.analysis.rule_checks import rules_of
from dragstrip.analysis.verdict import Requirement
from dragstrip.cli.requirement import judge
from dragstrip.errors import DragstripError
from dragstrip.report import junit
from dragstrip.report import text as words
from tests.unit.report.test_reports import SNAPSHOTS, examples

if TYPE_CHECKING:
    from dragstrip.run.model import Run, Verdict

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))
REQUIREMENTS: tuple[Requirement | None, ...] = (None, *get_args(Requirement))


def made(name: str, requirement: Requirement | None = None) -> ElementTree.Element:
    run, verdict = examples()[name]
    text = junit.render(run, verdict, requirement)
    SCHEMA.validate(text)
    return ElementTree.fromstring(text)


def cases(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    found = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert len(found) == len(list(root.iter("testcase")))
    return found


def exits_with_0(run: Run, verdict: Verdict, requirement: Requirement | None) -> bool:
    try:
        judge(verdict, requirement, rules_of(run))
    except DragstripError:
        return False
    return True


@pytest.mark.parametrize(
    "name", ["lab", "inconclusive", "failing", "invalid", "hostile", "operations"]
)
def test_it_looks_as_it_did(name: str) -> None:
    run, verdict = examples()[name]
    text = junit.render(run, verdict, "better")
    stored = SNAPSHOTS / f"{name}.xml"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        stored.write_text(text, encoding="utf-8")
    assert text == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize("requirement", REQUIREMENTS)
@pytest.mark.parametrize("name", list(examples()))
def test_something_fails_exactly_where_the_race_exits_with_an_error(
    name: str, requirement: Requirement | None
) -> None:
    root = made(name, requirement)
    failures = len(list(root.iter("failure")))
    assert (failures == 0) == exits_with_0(*examples()[name], requirement)
    assert int(root.attrib["failures"]) == failures
    assert int(root.attrib["tests"]) == len(cases(root))
    for suite in root.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase")))
        assert int(suite.attrib["failures"]) == len(list(suite.iter("failure")))
        assert int(suite.attrib["skipped"]) == len(list(suite.iter("skipped")))


@pytest.mark.parametrize("name", list(examples()))
def test_every_gate_and_requirement_is_a_case_with_its_figure(name: str) -> None:
    _, verdict = examples()[name]
    found = cases(made(name, "better"))
    for gate in verdict.gates:
        case = found[gate.name]
        assert (case.find("failure") is None) == gate.passed
        assert ", must be at " in (case.findtext("system-out") or "")
    assert "--require better" in found


def test_a_clause_that_does_not_hold_is_skipped_and_says_why() -> None:
    found = cases(made("adopt"))
    assert found["adopt_ratio"].find("skipped") is None
    skipped = found["equivalent"].find("skipped")
    assert skipped is not None
    assert "0.442 to 0.498" in skipped.attrib["message"]
    assert "0.8 to 1.25" in skipped.attrib["message"]
    failing = cases(made("failing"))["max_error_rate of new"].find("skipped")
    assert failing is not None
    assert failing.attrib["message"].startswith(
        "does not hold: 32 of 1,600 requests failed (2.000%)"
    )


def test_an_invalid_run_has_no_ratio_and_no_clause() -> None:
    root = made("invalid", "better")
    text = ElementTree.tostring(root, "unicode")
    assert "dragstrip.rule" in text
    assert "adopt_ratio" not in text
    assert not {"ratio", "low", "high"} & {one.attrib["name"] for one in root.iter("property")}


def test_a_lab_run_says_so_first() -> None:
    assert "stand-ins" in made("lab").attrib["name"]
    values = {one.attrib["name"]: one.attrib["value"] for one in made("lab").iter("property")}
    assert values["notice"] == words.LAB_BANNER
    assert values["lab"] == "true"


@given(st.text(), st.text())
def test_any_name_makes_a_document_of_the_form(name: str, difference: str) -> None:
    run, verdict = examples()["changed"]
    target = f"old{name}"
    totals = {target: run.targets["old"], "new": run.targets["new"]}
    run = run.model_copy(
        update={"baseline": target, "targets": totals, "data_difference": difference}
    )
    verdict = verdict.model_copy(update={"baseline": target, "reason": difference})
    text = junit.render(run, verdict)
    SCHEMA.validate(text)
    values = {
        one.attrib["name"]: one.attrib["value"]
        for one in ElementTree.fromstring(text).iter("property")
    }
    assert values["baseline"] == junit._FORBIDDEN.sub("\ufffd", target)


@pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\x0b", "\ud800", "\ufffe", "<script>&'\"]]>"])
def test_what_xml_forbids_is_replaced_and_markup_is_not(bad: str) -> None:
    run, verdict = examples()["adopt"]
    name = f"a{bad}b"
    run = run.model_copy(
        update={
            "challenger": name,
            "targets": {"old": run.targets["old"], name: run.targets["new"]},
        }
    )
    verdict = verdict.model_copy(
        update={
            "challenger": name,
            "targets": {"old": verdict.targets["old"], name: verdict.targets["new"]},
        }
    )
    root = ElementTree.fromstring(junit.render(run, verdict))
    challenger = next(p for p in root.iter("property") if p.attrib["name"] == "challenger")
    assert challenger.attrib["value"] == f"a{junit._FORBIDDEN.sub(chr(0xFFFD), bad)}b"
    assert root.find(".//script") is None
