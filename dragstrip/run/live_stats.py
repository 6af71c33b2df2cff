"""live.json: how the slice under way is doing, from the process that conducts a race.

It is replaced once a second, and goes when the race is over.
Every figure in it is on its way into slices.jsonl: nothing that is stored depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, cast

from dragstrip import atomic_file
from dragstrip.ledger.live_counts import Brief  # noqa: TC001
from dragstrip.run.report_forms import LiveForm, has_form

if TYPE_CHECKING:
    from pathlib import Path

LIVE_FILE = "live.json"
LIVE_S = 1.0


class Live(TypedDict):
    """`slice` is the one under way, None before the first.

    `targets` are by the target's number, then by the operation's.

    So many `processes` take part, and so many are `lost`.
    """

    slice: int | None
    targets: dict[str, dict[str, Brief]]
    processes: int
    lost: int


def write(folder: Path, live: Live) -> None:
    """Replace live.json. Raises OSError."""
    atomic_file.write_json(folder / LIVE_FILE, live)


def read(folder: Path) -> Live | None:
    """Return what was written last; None when there is nothing to read."""
    found = atomic_file.read_json(folder / LIVE_FILE)
    return cast("Live", found) if has_form(LiveForm, found) else None


def remove(folder: Path) -> None:
    """Remove it, if it is there."""
    atomic_file.remove(folder / LIVE_FILE)
