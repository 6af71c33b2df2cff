"""What a race leaves for other programs once its run is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.config import RulesConfig
from dragstrip.report import junit

if TYPE_CHECKING:
    from dragstrip.analyse.model import Run, Verdict
    from dragstrip.analyse.rules import Requirement
    from dragstrip.run_folder import RunFolder

JUNIT_FILE = "junit.xml"


def store(folder: RunFolder, run: Run, verdict: Verdict, requirement: Requirement | None) -> None:
    """Write the reports for machines beside run.json. Raises StorageError."""
    folder.write_report(JUNIT_FILE, junit.render(run, verdict, rules_of(run), requirement))


def rules_of(run: Run) -> RulesConfig:
    """Return the rule that a run was judged by."""
    return RulesConfig.model_validate(run.config["rules"])
