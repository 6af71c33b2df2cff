"""docs/architecture.md names files and rooms that exist, and fits on a screen."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
_MOST_LINES = 60


def places() -> list[str]:
    """Return every path that the table names."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    return [place for row in rows for place in re.findall(r"`([\w./]+(?:/|\.py))`", row)]


def test_every_file_in_the_table_exists() -> None:
    named = places()
    assert len(named) > 10
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_every_room_in_the_picture_exists() -> None:
    picture = PAGE.split("```")[1]
    rooms = re.findall(r"^  ([a-z]+(?: \| [a-z]+)*)  ", picture, re.MULTILINE)
    names = [name for room in rooms for name in room.split(" | ")]
    assert len(names) > 10
    instrument = ROOT / "dragstrip"
    missing = [
        name
        for name in names
        if not (instrument / name).is_dir() and not (instrument / f"{name}.py").is_file()
    ]
    assert missing == []


def test_it_fits_on_a_screen() -> None:
    assert len(PAGE.splitlines()) <= _MOST_LINES
