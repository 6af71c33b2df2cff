"""The table of report formats: a name, how it is rendered, and its file beside a stored run.

A new format is a file in this folder and a line in EXPORTERS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.analysis.heat import heat
from dragstrip.report import junit, markdown, svg
from dragstrip.report.html import render as html

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Run, Verdict


@dataclass(frozen=True, slots=True)
class Exporter:
    """One format; with a `file`, a race writes it beside run.json.

    `render` is given the folder where the run is stored.
    """

    render: Callable[[Run, Verdict, Requirement | None, RunFolder], str]
    file: str | None = None


PAGE = "report.html"
"""A run's report for people, in its folder."""

EXPORTERS: dict[str, Exporter] = {
    "html": Exporter(
        lambda run, verdict, _, folder: html.render(run, verdict, heat(folder, run)), PAGE
    ),
    "markdown": Exporter(lambda *found: markdown.render(*found[:3])),
    "svg": Exporter(lambda run, verdict, *_: svg.render(run, verdict)),
    "junit": Exporter(lambda *found: junit.render(*found[:3]), "junit.xml"),
}


def store(folder: RunFolder, run: Run, verdict: Verdict, requirement: Requirement | None) -> Path:
    """Write the reports beside run.json, and return where the one for people is.

    Raises StorageError.
    """
    for exporter in EXPORTERS.values():
        if exporter.file:
            folder.write_report(exporter.file, exporter.render(run, verdict, requirement, folder))
    return page_of(folder)


def page_of(folder: RunFolder) -> Path:
    """Return where a run's report for people is."""
    return folder.path / PAGE
