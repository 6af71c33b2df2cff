"""Reads stored searches: the one in a folder, and what a target carried in each."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING

from dragstrip.analysis.capacity_model import Capacity, CapacityWord, LimitedBy
from dragstrip.run import folder as run_folder
from dragstrip.run.folder import RunFolder
from dragstrip.run.model import Rate  # noqa: TC001
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CAPACITY_FILE = "capacity.json"


class Carried(StrictModel):
    """What a target carried in a stored search, with its interval; `ratio` is of both targets.

    Each is null where the search did not find it, as in `capacity.json`.
    """

    run: str
    started: datetime
    baseline: str
    challenger: str
    lab: bool
    verdict: CapacityWord
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    capacity_per_s: Rate | None
    low_per_s: Rate | None
    high_per_s: Rate | None
    limited_by: LimitedBy


def read(folder: RunFolder) -> Capacity | None:
    """Return the search that is stored in a folder; None where there is none.

    Raises StorageError.
    """
    return folder.read_report(CAPACITY_FILE, Capacity, "search")


def all_in(out: Path) -> Iterator[Capacity]:
    """Yield the searches that are stored among the runs, in the order they were made.

    Raises StorageError.
    """
    place = out / run_folder.SEARCHES
    for path in run_folder.within(place) if place.is_dir() else ():
        if path.is_dir() and (found := read(RunFolder(path))):
            yield found


def carried(searches: Sequence[Capacity], target: str) -> list[Carried]:
    """Return what a target carried in the searches that asked it."""
    return [_of(one, target) for one in searches if target in one.targets]


def _of(search: Capacity, target: str) -> Carried:
    own = search.targets[target]
    return Carried(
        run=search.id,
        started=search.started,
        baseline=search.baseline,
        challenger=search.challenger,
        lab=search.lab,
        verdict=search.verdict,
        ratio=search.ratio,
        ratio_low=search.low,
        ratio_high=search.high,
        capacity_per_s=own.capacity_per_s,
        low_per_s=own.low,
        high_per_s=own.high,
        limited_by=own.limited_by,
    )
