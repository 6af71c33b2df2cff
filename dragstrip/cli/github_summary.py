"""GitHub Actions' job summary: a file that the runner names, and whose Markdown it shows.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "GITHUB_STEP_SUMMARY"


def append(environ: Mapping[str, str], text: str) -> str | None:
    """Append to the summary if the environment names one; return why it could not be done."""
    name = environ.get(VARIABLE)
    if not name:
        return None
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        return f"{VARIABLE}: cannot write {name}: {error.strerror}"
    return None
