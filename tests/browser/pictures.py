"""Makes the README's pictures of the reports again: `make pictures`, or with RUN=<id or folder>.

They are of that race, and of the newest search of `dragstrip capacity` where there is one.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dragstrip.analysis import stored_searches
from dragstrip.analysis.heat import heat
from dragstrip.race.race import conclude
from dragstrip.report.html import capacity, render
from dragstrip.run import folder as run_folder
from tests.support import chromium

DOCS = Path(__file__).parents[2] / "docs"
RUNS = Path("runs")
_EDGE_PX = 24


def main(run: str) -> None:
    """Draw the verdict of a run's report and its heat maps, and the top of a search's."""
    folder = run_folder.find(run, RUNS)
    stored = folder.read_run()
    shown, verdict = conclude(folder, stored, interrupted=stored.interrupted)
    if verdict.verdict == "invalid":
        sys.exit(f"{folder.path} is invalid: {verdict.reason}; race again on a quiet machine")
    html = render.render(shown, verdict, heat(folder, shown))
    draw(html, "#verdict", DOCS / "report.png")
    draw(html, "#figure-heat-challenger", DOCS / "heat-map.png", first="#figure-heat-baseline")
    for search in list(stored_searches.all_in(RUNS))[-1:]:
        draw(capacity.render(search), "#figure-response", DOCS / "capacity.png")


def draw(html: str, last: str, picture: Path, first: str | None = None) -> None:
    """Draw a page until below its part `last`, from its top or that of its part `first`."""
    with tempfile.TemporaryDirectory() as place, chromium.browser() as browser:
        file = Path(place, "report.html")
        file.write_text(html, encoding="utf-8")
        size = {"width": 1280, "height": 900}
        page = browser.new_page(viewport=size, color_scheme="light")  # type: ignore[arg-type]
        page.goto(file.as_uri())
        page.locator("html[data-drawn]").wait_for()
        box = page.locator(last).bounding_box()
        if box is None:
            sys.exit(f"{picture.name}: the report has no picture to show")
        above = page.locator(first).bounding_box() if first else None
        top = above["y"] - _EDGE_PX if above else 0
        height = box["y"] + box["height"] + _EDGE_PX - top
        clip = {"x": 0, "y": top, "width": size["width"], "height": height}
        page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
    sys.stdout.write(f"{picture}\n")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["latest"]))
