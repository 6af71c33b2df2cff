"""The live page in a real browser: start, watch, stop, the report in its place, again."""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from dragstrip.report import capacity_exporters
from dragstrip.report.html.glossary import TITLES
from dragstrip.run.folder import RunFolder
from tests.lab.lab_homes import wait_until
from tests.support import chromium, locust_runs
from tests.support.races import DATASET, homes, popen
from tests.support.runs import plan_of
from tests.support.stand_in import StandIn
from tests.support.web_races import web_race
from tests.unit.live.test_capacity_screen import so_far
from tests.unit.live.test_capacity_view import store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from tests.support.web_races import WebRace

WIDTHS = (360, 1440, 3840)
PATIENCE_MS = 60_000
NASTY = "<img src=x onerror=alert(1)>"


class Seen:
    """A page of a browser, and everything that went wrong on it or left this machine."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.page = browser.new_page(viewport={"width": 1440, "height": 900})
        self.page.set_default_timeout(PATIENCE_MS)
        self.problems: list[str] = []
        self.url = url
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on(
            "console", lambda m: self.problems.append(m.text) if m.type == "error" else None
        )
        self.page.on("request", lambda request: self._note(request.url))
        self.page.goto(url)
        self.page.evaluate("window.sameDocument = true")

    def _note(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", "data:")):
            self.problems.append(url)

    def serious(self) -> list[str]:
        # Tables of data are many alike.
        found = Axe().run(self.page, context={"exclude": [["table.data"]]}).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]


@pytest.fixture
def race(tmp_path: Path) -> Iterator[WebRace]:
    misbehave = lambda number, _: b"{}" if number % 100 == 99 else None  # noqa: E731
    with (
        StandIn(DATASET, misbehave=misbehave).serving() as server,
        web_race(tmp_path, server, pairs=300) as found,
    ):
        yield found


@contextmanager
def watched(place: Path, run: str) -> Iterator[str]:
    """Run `dragstrip watch` in a folder; give the page's address."""
    port = locust_runs.free_port()
    program = [sys.executable, "-m", "dragstrip", "watch", run, "--web-port", port]
    process = popen(place, program, {**homes(place), "PYTHONPATH": str(locust_runs.ROOT)})
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(url, trust_env=False).is_success
        return False

    try:
        wait_until(answers)
        yield url
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert "shows it until Ctrl-C" in said


@pytest.fixture
def watch(race: WebRace) -> Iterator[str]:
    """The address of a `dragstrip watch` of whatever race is the newest."""
    with watched(race.raced.place, "latest") as url:
        yield url


@pytest.fixture
def browser(race: WebRace, watch: str) -> Iterator[Browser]:
    # Not before the race's server: a browser's loop occupies this thread.
    expect.set_options(timeout=PATIENCE_MS)
    with chromium.browser() as found:
        yield found


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_start_watch_stop_and_again(race: WebRace, watch: str, browser: Browser) -> None:
    own = Seen(browser, race.url)
    page = own.page
    pairs = page.get_by_role("textbox", name="Pairs")
    expect(pairs).to_have_value("300")
    assert own.serious() == []

    # What a choice is stands below it, and what it lacks beside it.
    about = page.locator("[id='help-race.baseline']")
    expect(about).to_contain_text("next-supabase, http://127.0.0.1")
    turn = page.get_by_role("button", name="Swap targets")
    turn.click()
    expect(about).to_contain_text("convex-http, http://127.0.0.1")
    turn.click()
    scenario = page.get_by_role("combobox", name="Scenario")
    operation = page.get_by_role("textbox", name="Operation")
    expect(operation).to_be_hidden()
    scenario.select_option("conversation")
    expect(page.locator("[id='wrong-scenario.name']")).to_contain_text("KAPSO_WEBHOOK_SECRET")
    expect(operation).to_be_visible()
    scenario.select_option("lookup")
    expect(operation).to_be_hidden()

    # What is wrong is said beside its field as one types, as text whatever it holds.
    keys = page.get_by_role("textbox", name="Keys")
    keys.fill(NASTY)
    expect(page.locator("[id='wrong-race.keys']")).to_contain_text(f"(got '{NASTY}')")
    page.get_by_role("button", name="Start").click()
    expect(keys).to_be_focused()
    keys.fill("uniform")
    page.get_by_role("textbox", name="Slice").fill("0.5")
    expect(page.get_by_text("300 pairs of 0.5 s: 5 minutes, about 45,000 requests")).to_be_visible()
    keys.press("Enter")

    page.locator("html[data-pictures]").wait_for(timeout=PATIENCE_MS)
    for side in ("baseline", "challenger"):
        lane = page.locator(f".lane.{side}")
        expect(lane.locator("tr", has_text="so far")).to_contain_text("ms")
        expect(lane.locator("dl")).to_contain_text("/s")
    expect(page.locator(".lane .on")).to_have_count(1)
    expect(page.locator("#figure-within svg.marks")).to_be_visible()
    expect(page.locator("#failures tr").first).to_contain_text("slice")
    expect(page.locator("#lights li").last).to_contain_text("holds")
    expect(page.locator("#stage")).to_contain_text("left")
    expect(page.locator("#news")).to_contain_text("p95 new/old so far")

    page.get_by_role("tab", name="Locust").click()
    locust = page.frame_locator("#locust iframe")
    expect(locust.get_by_role("cell", name="old", exact=True).first).to_be_visible()
    expect(locust.get_by_role("button", name="Stop")).to_be_hidden()
    # Both are light or dark together, whatever the system is.
    dark = page.get_by_role("button", name="Dark theme")
    expect(dark).to_have_attribute("aria-pressed", "false")
    dark.click()
    expect(dark).to_have_attribute("aria-pressed", "true")
    for body in (page.locator("body"), locust.locator("body")):
        expect(body).to_have_css("background-color", "rgb(18, 18, 18)")
    page.get_by_role("tab", name="Locust").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#locust iframe")).to_have_count(0)

    other = Seen(browser, watch)
    other.page.locator("html[data-pictures]").wait_for(timeout=PATIENCE_MS)
    expect(other.page.locator("#title")).to_have_text("new against old")
    expect(other.page.locator("#buttons button")).to_have_count(0)
    other.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert other.serious() == []
    for width in WIDTHS:
        other.page.set_viewport_size({"width": width, "height": 900})
        other.page.wait_for_function(
            "() => document.documentElement.scrollWidth <= window.innerWidth"
        )
    other.page.wait_for_function("""() => {
        const now = document.querySelector(".strip .now");
        return now && getComputedStyle(now).animationName === "none";
    }""")

    page.get_by_role("button", name="Stop").click()
    for seen in (own, other):
        expect(seen.page.locator("#verdict-title")).to_contain_text(TITLES["invalid"])
        seen.page.locator("html[data-report]").wait_for(timeout=PATIENCE_MS)
        assert seen.page.evaluate("window.sameDocument")
        assert fits(seen.page)
        assert seen.page.locator("figure svg.marks").count() >= 4
    assert own.serious() == []
    stopped = race.raced.run.id

    page.get_by_role("button", name="Again").click()
    expect(page.get_by_role("textbox", name="Slice")).to_have_value("0.5")
    pairs.fill("2")
    pairs.press("Enter")
    wait_until(lambda: race.raced.folder.path.resolve().name != stopped and race.is_over())
    again = race.raced.folder.path.resolve().name
    for seen in (own, other):
        seen.page.locator(f"html[data-report='{again}']").wait_for(timeout=PATIENCE_MS)
        title = TITLES[race.raced.verdict.verdict]
        expect(seen.page.locator("#verdict-title")).to_contain_text(title)
        assert seen.page.evaluate("window.sameDocument")
        assert seen.problems == []


def test_the_curve_of_a_search_grows_and_becomes_its_report(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "search")
    folder.path.mkdir()
    folder.write_plan(plan_of())
    store(folder, so_far(4))
    expect.set_options(timeout=PATIENCE_MS)
    with watched(tmp_path, "search") as url, chromium.browser() as browser:
        seen = Seen(browser, url)
        page = seen.page
        expect(page.locator("#figure-response svg.marks")).to_be_visible()
        expect(page.locator("#stage")).to_contain_text("4 slices are over")
        whole = so_far(100)
        store(folder, whole)
        expect(page.locator("#stage")).to_contain_text(f"{len(whole.slices)} slices are over")
        for side in ("baseline", "challenger"):
            expect(page.locator(f".lane.{side} dl")).to_contain_text("carries so far")
        assert seen.serious() == []
        page.set_viewport_size({"width": min(WIDTHS), "height": 900})
        page.wait_for_function("() => document.documentElement.scrollWidth <= window.innerWidth")
        capacity_exporters.store(folder, whole)
        page.locator("html[data-report]").wait_for(timeout=PATIENCE_MS)
        assert page.evaluate("window.sameDocument")
        assert fits(page)
        assert seen.serious() == []
        assert seen.problems == []
