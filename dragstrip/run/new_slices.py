"""Reads the slices that have ended since the last look: slices.jsonl may grow for hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.run.plan import SLICES_FILE
from dragstrip.run.slice_report import parse_slice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.run.slice_report import SliceReport


class NewSlices:
    """The reports in a run's folder, each once."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / SLICES_FILE
        self._read_to = 0

    def read(self) -> Iterator[SliceReport]:
        """Yield those that are new; a line that is not whole yet comes later. Raises OSError."""
        if not self._file.exists():
            return
        with self._file.open("rb") as lines:
            lines.seek(self._read_to)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                self._read_to += len(line)
                yield parse_slice(line)
