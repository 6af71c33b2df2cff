"""Makes the README's picture of the report again: `make pictures`, or with RUN=<id or folder>."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from dragstrip.analysis.heat import heat
from dragstrip.race.race import conclude
from dragstrip.report.html import render
from dragstrip.run import folder as run_folder
from tests.support import chromium

PICTURE = Path(__file__).parents[2] / "docs" / "report.png"
LAST = "#figure-slowest"
"""The picture ends below this."""


def main(run: str) -> None:
    """Draw the top of a run's report, as far as the first two pictures."""
    folder = run_folder.find(run, Path("runs"))
    stored = folder.read_run()
    shown, verdict = conclude(folder, stored, interrupted=stored.interrupted)
    if verdict.verdict == "invalid":
        sys.exit(f"{folder.path} is invalid: {verdict.reason}; race again on a quiet machine")
    with tempfile.TemporaryDirectory() as place, chromium.browser() as browser:
        file = Path(place, "report.html")
        file.write_text(render.render(shown, verdict, heat(folder, shown)), encoding="utf-8")
        size = {"width": 1280, "height": 900}
        page = browser.new_page(viewport=size, color_scheme="light")  # type: ignore[arg-type]
        page.goto(file.as_uri())
        page.locator("html[data-drawn]").wait_for()
        box = page.locator(LAST).bounding_box()
        if box is None:
            sys.exit(f"{folder.path} has no picture to show")
        clip = {"x": 0, "y": 0, "width": size["width"], "height": box["y"] + box["height"] + 24}
        page.screenshot(path=PICTURE, full_page=True, clip=clip)  # type: ignore[arg-type]
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["latest"]))
