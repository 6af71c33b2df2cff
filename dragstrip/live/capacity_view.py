"""A search for what two targets carry as the live page shows it: the curve as it grows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.errors import StorageError
from dragstrip.live.capacity_screen import line
from dragstrip.live.race_view import with_figures
from dragstrip.report import capacity as words
from dragstrip.report import capacity_exporters
from dragstrip.report.capacity_exporters import CAPACITY_FILE
from dragstrip.report.exporters import page_of
from dragstrip.report.html.capacity import charts
from dragstrip.report.html.cells import OPEN
from dragstrip.report.text import LAB_BANNER

if TYPE_CHECKING:
    from dragstrip.analysis.capacity_model import Capacity
    from dragstrip.live.race_view import Page
    from dragstrip.run.folder import RunFolder


def is_search(folder: RunFolder) -> bool:
    """Whether a search is stored in a folder, or is on its way to be."""
    return (folder.path / CAPACITY_FILE).exists()


class CapacityView:
    """One search. Raises StorageError where its folder cannot be read."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    def page(self) -> Page:
        """Return everything but the pictures, in the form that a race has."""
        found = self._found()
        is_over = page_of(self._folder).exists()
        last = line(found.slices[-1]).removeprefix("capacity: ") if found.slices else ""
        names = list(found.targets)
        return {
            "run": found.id,
            "title": f"How much {found.challenger} and {found.baseline} carry",
            "about": words.conditions(found),
            "banners": [LAB_BANNER] * found.lab,
            "stage": f"{len(found.slices)} slices are over",
            "is_over": is_over,
            "done": len(found.slices),
            "total": None,
            "slices": [names.index(one.target) for one in found.slices],
            "now": None,
            "news": f"The last slice: {last}." if last else "The first slice is under way.",
            "validity": "",
            "lights": [],
            "lanes": [_lane(found, number) for number in (0, 1)],
            "failures": [],
            "writes": [],
            "pictures": f"{found.id}/{len(found.slices)}",
        }

    def pictures(self) -> Page:
        """Return the curve so far, each picture with its figure as HTML."""
        found = self._found()
        standing = SimpleNamespace(compares=True, verdict=found.verdict)
        pictures = charts(found)
        return with_figures(pictures[:1], pictures[1:], standing, is_lab=found.lab)

    def _found(self) -> Capacity:
        found = capacity_exporters.read(self._folder)
        if found is None:
            raise StorageError(f"{self._folder.path} holds no search")
        return found


def _lane(found: Capacity, number: int) -> Page:
    name = list(found.targets)[number]
    target, slices = found.targets[name], [one for one in found.slices if one.target == name]
    last = slices[-1] if slices else None
    ends = (words.rate(end) if end else OPEN for end in (target.low, target.high))
    rows = [
        ("rate of the last slice", words.rate(last.rate_per_s if last else None)),
        ("carries so far", words.rate(target.capacity_per_s)),
        ("95 % interval", " to ".join(ends)),
        ("slices that kept the objective", str(sum(one.outcome == "kept" for one in slices))),
        ("slices that broke it", str(sum(one.outcome == "broken" for one in slices))),
        ("requests", numbers.count(target.requests)),
    ]
    values = (last.p50_ms, last.p95_ms, last.p99_ms) if last else (None, None, None)
    return {
        "side": ("baseline", "challenger")[number],
        "name": name,
        "is_on": False,
        "rows": rows,
        "quantiles": [["last slice", *map(numbers.milliseconds, values)]],
    }
