"""Makes the README's picture of the live page again: a quick race under way on the embedded lab."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.lab_homes import wait_until
from tests.support import chromium, locust_runs
from tests.support.races import Raced
from tests.support.web_races import WebRace

PICTURE = Path(__file__).parents[2] / "docs" / "web-ui.png"
PAIRS_DONE = 4
SIZE = {"width": 1280, "height": 1090}


def main() -> None:
    """Start a race by its form, and draw the page after some pairs."""
    port = locust_runs.free_port()
    race_command = [sys.executable, "-m", "dragstrip", "race", "--quick"]
    with tempfile.TemporaryDirectory() as place:
        process = subprocess.Popen(
            [*race_command, "--web", "--web-port", port, "--out", str(Path(place, "runs"))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        race = WebRace(Raced(Path(place), process), f"http://127.0.0.1:{port}")
        try:
            wait_until(race.answers, 600)
            _draw(race)
        finally:
            race.end()
    sys.stdout.write(f"{PICTURE}\n")


def _draw(race: WebRace) -> None:
    with chromium.browser() as browser:
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(race.url)
        page.get_by_role("button", name="Start").click()
        drawn = "Number((document.documentElement.dataset.pictures ?? '/0').split('/')[1])"
        page.wait_for_function(f"() => {drawn} >= {2 * PAIRS_DONE}", timeout=600_000)
        broken = page.locator("#lights .broken").all_text_contents()
        if broken:
            sys.exit(f"{broken}\ndraw it again on a quiet machine")
        now = page.locator(".lane:has(.on) td").first
        now.filter(has_text="ms").wait_for(timeout=60_000)
        page.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
