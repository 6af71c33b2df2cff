"""The formats of a stored soak, and its files beside soak.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.soak_model import Soak
from dragstrip.report import soak
from dragstrip.report.exporters import PAGE
from dragstrip.report.html import soak as html

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.run.folder import RunFolder

SOAK_FILE = "soak.json"

EXPORTERS: dict[str, Callable[[Soak], str]] = {
    "html": html.render,
    "markdown": soak.markdown,
    "junit": soak.junit,
}


def store(folder: RunFolder, found: Soak) -> Path:
    """Write the reports, and return where the one for people is. Raises StorageError."""
    folder.write_report("junit.xml", soak.junit(found))
    return folder.write_report(PAGE, html.render(found))


def read(folder: RunFolder) -> Soak | None:
    """Return the soak that is stored in a folder; None where there is none. Raises StorageError."""
    return folder.read_report(SOAK_FILE, Soak, "soak")
