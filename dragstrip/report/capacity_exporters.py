"""The formats of a stored search, and its files beside capacity.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.stored_searches import CAPACITY_FILE as CAPACITY_FILE
from dragstrip.analysis.stored_searches import read as read
from dragstrip.report import capacity
from dragstrip.report.exporters import PAGE
from dragstrip.report.html import capacity as html

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.analysis.capacity_model import Capacity
    from dragstrip.run.folder import RunFolder

EXPORTERS: dict[str, Callable[[Capacity], str]] = {
    "html": html.render,
    "markdown": capacity.markdown,
    "junit": capacity.junit,
}


def store(folder: RunFolder, found: Capacity) -> Path:
    """Write the reports, and return where the one for people is. Raises StorageError."""
    folder.write_report("junit.xml", capacity.junit(found))
    return folder.write_report(PAGE, html.render(found))
