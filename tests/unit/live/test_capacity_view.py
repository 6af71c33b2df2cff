"""What the live page is told of a search, as its file grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.live.capacity_view import CapacityView, is_search
from dragstrip.live.page_server import Watched
from dragstrip.report import capacity as words
from dragstrip.report import capacity_exporters
from dragstrip.report.capacity_exporters import CAPACITY_FILE
from dragstrip.run.folder import RunFolder
from tests.unit.live.test_capacity_screen import so_far

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.analysis.capacity_model import Capacity


def store(folder: RunFolder, found: Capacity) -> None:
    folder.write_report(CAPACITY_FILE, found.model_dump_json())


def test_the_curve_grows_and_becomes_the_report(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    watched = Watched(lambda: folder if is_search(folder) else None)
    assert watched.page() == {"run": None}
    drawn = {}
    for slices in (0, 4, 100):
        found = so_far(slices)
        store(folder, found)
        view = CapacityView(folder)
        page = view.page()
        assert page["done"] == len(found.slices)
        assert not page["is_over"]
        drawn[page["pictures"]] = [
            (one["id"], len(one["stops"]), f"figure-{one['id']}" in one["html"])
            for one in view.pictures()["charts"]
        ]
    decide = [one for one in found.slices if one.phase == "search" and one.outcome != "void"]
    nothing, few, whole = drawn.values()
    assert nothing == []
    assert whole == [("response", len(decide), True), ("errors", len(decide), True)]
    assert 0 < few[0][1] < whole[0][1]
    for name, lane in zip(found.targets, page["lanes"], strict=True):
        assert lane["name"] == name
        told = dict(lane["rows"])
        assert told["carries so far"] == words.rate(found.targets[name].capacity_per_s)
    capacity_exporters.store(folder, found)
    assert view.page()["is_over"]
    assert watched.report() == tmp_path / "report.html"
