"""The reports that a race leaves beside its stored run, for people and for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.rule_checks import required
from dragstrip.config.config import RulesConfig
from dragstrip.report import junit, markdown
from dragstrip.report.html import render

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Run, Verdict

JUNIT_FILE = "junit.xml"
HTML_FILE = "report.html"


def store(folder: RunFolder, run: Run, verdict: Verdict, requirement: Requirement | None) -> Path:
    """Write the reports beside run.json, and return where the one for people is.

    Raises StorageError.
    """
    folder.write_report(JUNIT_FILE, as_junit(run, verdict, requirement))
    return folder.write_report(HTML_FILE, render.render(run, verdict))


def as_junit(run: Run, verdict: Verdict, requirement: Requirement | None) -> str:
    """Return JUnit XML in which the requirement is a test case."""
    return junit.render(run, verdict, rules_of(run), requirement)


def as_markdown(run: Run, verdict: Verdict, requirement: Requirement | None) -> str:
    """Return Markdown that says what came of the requirement."""
    if requirement is None:
        return markdown.render(run, verdict)
    state = required(verdict, requirement, rules_of(run))
    return markdown.render(run, verdict, (requirement, state))


def rules_of(run: Run) -> RulesConfig:
    """Return the rule that a run was judged by."""
    return RulesConfig.model_validate(run.config["rules"])
