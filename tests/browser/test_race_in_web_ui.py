"""A race in Locust's web UI in a real browser: log in, start, watch the tab, get the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from dragstrip.analysis.numbers import milliseconds
from tests.lab.lab_homes import wait_until
from tests.support import chromium
from tests.support.races import DATASET
from tests.support.stand_in import StandIn
from tests.support.web_races import web_race

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from tests.support.web_races import WebRace

PASSWORD = "sesame open 77"
PATIENCE_MS = 60_000


@pytest.fixture
def race(tmp_path: Path) -> Iterator[WebRace]:
    """A race of two processes that asks for a password."""
    environ = {"DRAGSTRIP_WEB_PASSWORD": PASSWORD}
    with (
        StandIn(DATASET).serving() as server,
        web_race(tmp_path, server, "--processes", "2", environ=environ, pairs=50) as found,
    ):
        yield found


@pytest.fixture
def page(race: WebRace) -> Iterator[Page]:
    # Not before the race's server: a browser's loop occupies this thread.
    with chromium.browser() as browser:
        yield browser.new_page(viewport={"width": 1280, "height": 800})


def log_in(page: Page) -> None:
    page.get_by_label("Username").fill("dragstrip")
    page.get_by_label("Password").first.fill(PASSWORD)
    page.get_by_role("button", name="Login").click()


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def test_log_in_start_watch_and_download(page: Page, race: WebRace) -> None:
    problems: list[str] = []
    asked: set[str] = set()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("request", lambda request: asked.add(request.url))
    page.goto(race.url)
    log_in(page)

    # What is wrong is said in the form, as text whatever it holds.
    page.get_by_text("Custom parameters").click()
    page.get_by_label("Keys (").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("(got '<img src=x onerror=alert(1)>')")
    page.get_by_label("Keys (").fill("uniform")
    page.get_by_label("Pairs (").fill("4")
    page.get_by_role("button", name="Start").click()

    open_tab(page, "Race")
    for column in ("Figure", "old (baseline)", "new (challenger)", "new/old, 95 % interval"):
        expect(page.get_by_role("columnheader", name=column)).to_be_visible(timeout=PATIENCE_MS)
    so_far = page.get_by_role("row").filter(has_text="p95 so far").get_by_role("cell")
    expect(so_far.nth(2)).to_contain_text(" ms", timeout=PATIENCE_MS)

    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.get_by_role("columnheader", name="Figure")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1280, "height": 800})

    wait_until(lambda: (race.raced.folder.path / "report.html").exists())
    run, verdict = race.raced.run, race.raced.verdict
    assert run.config["race"]["pairs"] == 4
    said = page.get_by_role("cell").filter(has_text=verdict.verdict.upper())
    expect(said).to_be_visible(timeout=PATIENCE_MS)
    p95 = page.get_by_role("row").filter(has_text="p95").get_by_role("cell")
    expect(p95.nth(0)).to_have_text("p95")
    expect(p95.nth(1)).to_have_text(milliseconds(run.targets["old"].p95_ms))
    expect(p95.nth(2)).to_have_text(milliseconds(run.targets["new"].p95_ms))
    open_tab(page, "Race slices")
    expect(page.get_by_role("row")).to_have_count(1 + len(run.slices))
    open_tab(page, "Race conditions")
    expect(page.get_by_role("row")).to_have_count(1 + len(run.gates))

    open_tab(page, "Download Data")
    with page.expect_download() as download:
        page.get_by_text("Download race report").click()
    assert download.value.suggested_filename == f"{run.id}-report.html"
    report = (race.raced.folder.path / "report.html").read_bytes()
    assert Path(download.value.path()).read_bytes() == report

    page.get_by_role("button", name="New").click()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("alert")).to_contain_text("This race is over")
    assert problems == []
    assert {url for url in asked if not url.startswith(f"{race.url}/")} == set()
