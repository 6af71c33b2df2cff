"""The formats of a stored search, and its files beside capacity.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from dragstrip.analysis.capacity_model import Capacity
from dragstrip.errors import StorageError
from dragstrip.report import capacity
from dragstrip.report.html import capacity as html
from dragstrip.run.report_forms import first_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.run.folder import RunFolder

CAPACITY_FILE = "capacity.json"
PAGE = "report.html"

EXPORTERS: dict[str, Callable[[Capacity], str]] = {
    "html": html.render,
    "markdown": capacity.markdown,
    "junit": capacity.junit,
}


def store(folder: RunFolder, found: Capacity) -> Path:
    """Write the reports, and return where the one for people is. Raises StorageError."""
    folder.write_report("junit.xml", capacity.junit(found))
    return folder.write_report(PAGE, html.render(found))


def read(folder: RunFolder) -> Capacity | None:
    """Return the search that is stored in a folder; None where there is none.

    Raises StorageError.
    """
    file = folder.path / CAPACITY_FILE
    try:
        return Capacity.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {file}: {error.strerror}") from None
    except ValidationError as error:
        raise StorageError(
            f"{file} is not a search that this dragstrip can read: {first_problem(error)}"
        ) from None
