"""next.json: the slice that a search wants next, from the process that decides it.

It is replaced once the slice before is in slices.jsonl, and says at last that none is to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, ValidationError

from dragstrip import atomic_file
from dragstrip.run.plan import PlannedSlice  # noqa: TC001
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from pathlib import Path

NEXT_FILE = "next.json"


class Announcement(StrictModel):
    """The slice that has number `index`; null when the search is over."""

    index: int = Field(ge=0)
    slice: PlannedSlice | None


def announce(folder: Path, next_: Announcement) -> None:
    """Replace next.json. Raises OSError."""
    atomic_file.write_json(folder / NEXT_FILE, next_.model_dump(mode="json"))


def read(folder: Path, index: int) -> Announcement | None:
    """Return what is announced for a number; None when nothing is yet."""
    try:
        found = Announcement.model_validate(atomic_file.read_json(folder / NEXT_FILE))
    except ValidationError:
        return None
    return found if found.index == index else None
