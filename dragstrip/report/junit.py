"""A stored run as JUnit XML: each gate and each clause of the rule is a test case.

A case fails only where the exit code of `dragstrip race` says that something is wrong: a gate that
is not kept, or the requirement that was given. A clause of the rule that does not hold is skipped
with its figure and bound, as it was not required: "worse" is a result, not an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from dragstrip.analysis.gates import details_of, fix_of, says
from dragstrip.analysis.rule_checks import clauses, required, rules_of
from dragstrip.report import operations, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.config.config import RulesConfig
    from dragstrip.run.model import Gate, Run, Verdict

Kind = Literal["failure", "skipped"]

# XML 1.0 has no place for these, not even escaped (https://www.w3.org/TR/xml/#charsets).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Case:
    """One test case; with a `problem` it failed, or was skipped as its `kind` says."""

    suite: str
    name: str
    said: str
    problem: str | None = None
    kind: Kind = "failure"
    type: str = ""
    fix: str | None = None


def render(run: Run, verdict: Verdict, requirement: Requirement | None = None) -> str:
    """Return the document; `requirement` is what `--require` asked for."""
    rules = rules_of(run)
    suites = {
        "verdict": list(_verdict(run, verdict, rules, requirement)),
        "rule": list(_rule(run, verdict, rules)),
        "validity": [_gate(gate, run) for gate in verdict.gates],
    }
    seconds = max((run.ended - run.started).total_seconds(), 0)
    return document(
        _title(run), suites, _properties(run, verdict, requirement), run.started, seconds
    )


def document(
    title: str,
    suites: Mapping[str, Sequence[Case]],
    properties: Iterator[tuple[str, object]],
    started: datetime,
    seconds: float,
) -> str:
    """Return suites by name as JUnit XML, with properties in the suite `verdict`."""
    cases = [case for suite in suites.values() for case in suite]
    attributes = {"timestamp": f"{started:%Y-%m-%dT%H:%M:%S}", "time": f"{seconds:.3f}"}
    root = ElementTree.Element(
        "testsuites", {"name": title, **_counts(cases), "time": attributes["time"]}
    )
    for name, suite in suites.items():
        part = ElementTree.SubElement(
            root, "testsuite", {"name": f"dragstrip.{name}", **_counts(suite), **attributes}
        )
        if name == "verdict":
            _add_properties(part, properties)
        for case in suite:
            _add_case(part, case)
    _purge(root)
    ElementTree.indent(root)
    text_: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return text_.decode() + "\n"


def lab_mark(is_lab: bool) -> str:
    """Return what ends the name of the results of a lab."""
    return " (embedded lab: stand-ins, not Convex or Supabase as deployed)" * is_lab


def _title(run: Run) -> str:
    return f"dragstrip: {run.challenger} against {run.baseline}{lab_mark(run.lab)}"


def _gate(gate: Gate, run: Run) -> Case:
    details = details_of(gate, run)
    said = f"{says(gate)}; {details}" if details else says(gate)
    problem = None if gate.passed else said
    return Case("validity", gate.name, said, problem, type="gate", fix=fix_of(gate))


def _rule(run: Run, verdict: Verdict, rules: RulesConfig) -> Iterator[Case]:
    for clause in clauses(run, verdict, rules):
        said = f"{clause.figure}; holds with {clause.bound}"
        state = {"holds": None, "fails": "does not hold", "open": "is open"}[clause.state]
        yield Case("rule", clause.name, said, state and f"{state}: {said}", "skipped")


def _verdict(
    run: Run, verdict: Verdict, rules: RulesConfig, requirement: Requirement | None
) -> Iterator[Case]:
    said = "\n".join(
        line for line in (text.headline(run, verdict), text.comparison(run, verdict)) if line
    )
    void = None if verdict.compares else text.headline(run, verdict)
    yield Case("verdict", "valid", said, void, type=verdict.verdict)
    if requirement is None:
        return
    name = f"--require {requirement}"
    state = required(verdict, requirement, rules)
    problems = {"holds": None, "fails": f"{name} is not met", "open": f"{name} is open"}
    yield Case("verdict", name, said, problems[state], type="requirement")


def _properties(
    run: Run, verdict: Verdict, requirement: Requirement | None
) -> Iterator[tuple[str, object]]:
    yield "run", run.id
    yield "lab", str(run.lab).lower()
    if run.lab:
        yield "notice", text.LAB_BANNER
    yield from (("faults", sentence) for sentence in text.faults(run))
    yield "closed_model", str(run.closed_model).lower()
    for role, name in (("baseline", run.baseline), ("challenger", run.challenger)):
        yield role, name
        yield f"{role}.kind", run.targets[name].kind
        yield f"{role}.url", run.targets[name].url
    yield "verdict", verdict.verdict
    yield "requirement", requirement or "none"
    yield "metric", verdict.metric
    if verdict.operation:
        yield "operation", verdict.operation
    yield from _operations(run, verdict)
    yield from zip(("ratio", "low", "high"), text.interval(verdict) or (), strict=False)
    yield "pairs", verdict.pairs
    yield "dragstrip", run.versions.dragstrip
    yield "machine", f"{run.machine.processor}, {run.machine.cpus} cores, {run.machine.system}"


def _operations(run: Run, verdict: Verdict) -> Iterator[tuple[str, object]]:
    """Yield the table of the operations, a property for each row."""
    operation = ""
    for name, label, *cells in operations.rows(run, verdict):
        operation = name or operation
        pairs = zip(operations.HEADS[2:], cells, strict=True)
        yield f"{operation} {label}", ", ".join(f"{head} {cell}" for head, cell in pairs if cell)


def _add_properties(part: ElementTree.Element, values: Iterator[tuple[str, object]]) -> None:
    properties = ElementTree.SubElement(part, "properties")
    for name, value in values:
        ElementTree.SubElement(properties, "property", name=name, value=str(value))


def _add_case(part: ElementTree.Element, case: Case) -> None:
    element = ElementTree.SubElement(
        part, "testcase", classname=f"dragstrip.{case.suite}", name=case.name, time="0"
    )
    if case.problem is not None:
        attributes = {"message": case.problem} | ({"type": case.type} if case.type else {})
        found = ElementTree.SubElement(element, case.kind, attributes)
        if case.fix and case.kind == "failure":
            found.text = f"fix: {case.fix}"
    ElementTree.SubElement(element, "system-out").text = case.said


def _counts(cases: Sequence[Case]) -> Mapping[str, str]:
    kinds = [case.kind for case in cases if case.problem is not None]
    return {
        "tests": str(len(cases)),
        "failures": str(kinds.count("failure")),
        "errors": "0",
        "skipped": str(kinds.count("skipped")),
    }


def _purge(root: ElementTree.Element) -> None:
    for element in root.iter():
        if element.text:
            element.text = _FORBIDDEN.sub(_REPLACEMENT, element.text)
        for name, value in element.items():
            element.set(name, _FORBIDDEN.sub(_REPLACEMENT, value))
