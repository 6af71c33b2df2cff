"""What dragstrip did not foresee: one line for people, and a log file with the traceback.

Never exit code 1, which means that a valid run does not meet a requirement.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dragstrip.errors import UNFORESEEN_CODE
from dragstrip.redact import redact
from dragstrip.version import VERSION

LOG_FOLDER = ".dragstrip"

_PLACE = Path(__file__).parents[2]
_PACKAGES = ("dragstrip", "scenarios", "seeding")


class UnforeseenError(Exception):
    """Carries an error past click, which takes some for a closed pipe (exit 1) or an interrupt."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def report(error: Exception, command: str) -> int:
    """Store the traceback, say where it is in one line, and return the exit code."""
    details = redact(_details(error, command))
    file = _store(details)
    said = f"error: unexpected {type(error).__name__} in {_where(error)}"
    if file is None:
        sys.stderr.write(f"{details}{said}; no file takes the details above; please report it\n")
    else:
        sys.stderr.write(f"{said}; the details are in {file}; please report it\n")
    return UNFORESEEN_CODE


def _details(error: Exception, command: str) -> str:
    # Without arguments and local variables: both may hold secrets.
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    head = (
        f"dragstrip {VERSION}, Python {platform.python_version()}, {platform.platform()}\n"
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}, command: {command}\n\n"
    )
    return head + "".join(lines)


def _where(error: Exception) -> str:
    """Return the innermost place in dragstrip's own files, or else the innermost of all."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _name(frame.filename).startswith(_PACKAGES)]
    innermost = (own or frames)[-1:]
    return f"{_name(innermost[0].filename)}:{innermost[0].lineno}" if innermost else "dragstrip"


def _name(filename: str) -> str:
    return filename.removeprefix(f"{_PLACE}{os.sep}")


def _store(text: str) -> Path | None:
    with suppress(OSError):
        return _write(Path.cwd() / LOG_FOLDER, text)
    with suppress(OSError):
        return _write(Path(tempfile.gettempdir()), text)
    return None


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    prefix = f"crash-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-"
    # Readable by its owner alone.
    descriptor, name = tempfile.mkstemp(".log", prefix, folder)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)
