"""The HTML report in a real browser, from a file and without a network."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from dragstrip.analysis.compare import compare
from dragstrip.analysis.heat import Stretch
from dragstrip.analysis.history import history as over_time
from dragstrip.analysis.numbers import milliseconds
from dragstrip.analysis.regression import Tolerance
from dragstrip.report import text as words
from dragstrip.report.html import capacity, comparison, history, render, soak
from tests.lab.lab_homes import wait_until
from tests.support import chromium
from tests.support.html_page import Page as Parsed
from tests.unit.analysis.test_soak_verdict import soaked
from tests.unit.live.test_capacity_screen import so_far
from tests.unit.report.test_history import stored
from tests.unit.report.test_html import NASTY, renamed
from tests.unit.report.test_reports import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

WIDTHS = (360, 768, 1440, 3840)


EXAMPLES = ("failing", "lab", "invalid", "unsafe", "inconclusive", "closed", "hostile", "empty")
OTHERS = ("history", "comparison", "capacity", "soak")
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 800}
HEAT = {
    "old": [Stretch(n, n + 0.5, {10: 20, 12: 5}, slowest_ms=20) for n in range(3)],
    "new": [Stretch(n, n + 0.5, {8: 20, 30: n}, n % 2, slowest_ms=1e3) for n in range(3, 6)],
}
"""Over time, some of the challenger's answers take a second, and one request fails."""


@dataclass
class Opened:
    """A page, and everything that went on beside what can be seen."""

    page: Page
    file: Path
    heard: list[str] = field(default_factory=list)

    def chart(self, name: str) -> Locator:
        return self.page.locator(f"#chart-{name}")

    def row(self, chart: str, index: int) -> list[str]:
        cells = self.page.locator(f"#data-{chart} tbody tr").nth(index).locator("th, td")
        return [plain(text) for text in cells.all_text_contents()]

    def table(self, chart: str) -> set[str]:
        return {plain(one) for one in self.page.locator(f"#data-{chart} td").all_text_contents()}

    def told(self) -> list[str]:
        return [plain(one) for one in self.page.locator("#tip dd").all_text_contents()]

    def labels(self, chart: str) -> list[str]:
        """The labels of the horizontal axis, in no order."""
        shown = self.chart(chart).locator(".role-axis-label").first.locator("text")
        return sorted(shown.all_text_contents())


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Opened]]:
    """Every example in a tab of its own, without a network."""
    # How long a browser takes says more about the machine's load than about the page.
    expect.set_options(timeout=60_000)
    folder = tmp_path_factory.mktemp("pages")
    made = {name: examples()[name] for name in EXAMPLES if name != "hostile"}
    made["hostile"] = renamed(*examples()["failing"])
    with chromium.browser() as browser:
        opened = {}
        for name, (run, verdict) in made.items():
            file = folder / f"{name}.html"
            file.write_text(render.render(run, verdict, HEAT if name == "failing" else None))
            opened[name] = open_page(browser, file)
        for name, text in others().items():
            file = folder / f"{name}.html"
            file.write_text(text)
            opened[name] = open_page(browser, file)
        yield opened


def others() -> dict[str, str]:
    """The pages of other things than one run."""
    found = [over_time(stored(), name, "p95") for name in ("old", "new")]
    (older, _), (newer, _) = stored()[2:4]
    compared = compare(older, newer, Tolerance("p95", 1.1, 0.001), force=True)
    return {
        "history": history.render(found, [], {}),
        "comparison": comparison.render(compared),
        "capacity": capacity.render(so_far(100)),
        "soak": soak.render(soaked(p95_per_hour=0.1)),
    }


def open_page(browser: Browser, file: Path) -> Opened:
    opened = Opened(browser.new_context(offline=True, viewport=DESK).new_page(), file)  # type: ignore[arg-type]
    page, heard = opened.page, opened.heard
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: heard.append(f"request: {request.url[:99]}"))
    page.goto(file.as_uri())
    page.locator("html[data-drawn]").wait_for(timeout=60_000)
    return opened


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def failing(pages: dict[str, Opened]) -> Iterator[Opened]:
    """A page with every picture, as it looks at first."""
    opened = pages["failing"]
    yield opened
    opened.page.emulate_media(color_scheme="light", media="screen")
    opened.page.keyboard.press("Escape")
    opened.page.mouse.move(1, 1)
    assert_silent(opened)


def assert_silent(opened: Opened) -> None:
    assert opened.heard == [f"request: {opened.file.as_uri()[:99]}"]


@pytest.mark.parametrize("name", [*EXAMPLES, *OTHERS])
def test_every_picture_is_drawn_without_a_request_or_a_complaint(
    pages: dict[str, Opened], name: str
) -> None:
    opened = pages[name]
    expected = Parsed(opened.file.read_text()).data["charts"]
    for chart in expected:
        drawn = opened.chart(chart["id"]).locator("svg")
        expect(drawn).to_have_count(1)
        assert drawn.locator("path[d], line").count() > 5
        assert "NaN" not in drawn.inner_html()
        box = drawn.bounding_box()
        assert box
        assert box["width"] > 300
    assert opened.page.locator("figure").count() == len(expected)
    assert opened.page.evaluate("document.scripts.length") == 3
    assert_silent(opened)


@pytest.mark.parametrize("name", ["hostile", *OTHERS])
def test_nothing_has_to_be_scrolled_sideways(pages: dict[str, Opened], name: str) -> None:
    page = pages[name].page
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        # The pictures follow on the window's next frames.
        page.wait_for_function("""() => [...document.querySelectorAll("figure")].every((figure) => {
            const svg = figure.querySelector("svg.marks");
            const room = figure.querySelector(".chart").clientWidth;
            return Math.abs(svg.viewBox.baseVal.width - room) < 2;
        })""")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for box in page.evaluate(
            "[...document.querySelectorAll('svg.marks')].map((one) => one.getBoundingClientRect())"
        ):
            assert 0 <= box["left"] < box["right"] <= width
    page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_pointing_tells_the_values_of_the_table(failing: Opened) -> None:
    heats = ("heat-baseline", "heat-challenger")
    for name in (*heats, "slowest", "within", "pairs", "response", "throughput", "generator"):
        chart = failing.chart(name)
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        assert box
        failing.page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.3)
        expect(failing.page.locator("#tip")).to_be_visible()
        told = failing.told()
        assert told
        said = [one for text in told for one in re.split(r" \(| to |\)", text) if one]
        assert set(said) <= failing.table(name), name
    failing.page.mouse.move(2, 2)
    expect(failing.page.locator("#tip")).to_be_hidden()


def test_the_keyboard_reaches_every_value(failing: Opened) -> None:
    chart = failing.chart("response")
    chart.focus()
    failing.page.keyboard.press("ArrowRight")
    assert failing.told() == failing.row("response", 0)[1:]
    failing.page.keyboard.press("ArrowRight")
    assert failing.told() == failing.row("response", 1)[1:]
    expect(chart).to_have_attribute("aria-valuenow", "2")
    said = chart.get_attribute("aria-valuetext") or ""
    assert all(one in said for one in failing.row("response", 1))
    failing.page.keyboard.press("End")
    assert failing.told() == failing.row("response", -1)[1:]
    assert chart.locator("svg line[opacity='1'], svg line:not([opacity='0'])").count() > 0
    failing.page.keyboard.press("Escape")
    expect(failing.page.locator("#tip")).to_be_hidden()


@pytest.mark.parametrize("name", ["within", "response"])
def test_a_picture_can_be_looked_at_more_closely_and_whole_again(
    failing: Opened, name: str
) -> None:
    figure = failing.page.locator(f"#figure-{name}")
    whole = failing.labels(name)
    failing.chart(name).focus()
    failing.page.keyboard.press("+")
    wait_until(lambda: failing.labels(name) != whole)
    failing.page.keyboard.press("0")
    wait_until(lambda: failing.labels(name) == whole)
    figure.get_by_role("button", name="Look closer").click()
    wait_until(lambda: failing.labels(name) != whole)
    figure.get_by_role("button", name="all").click()
    wait_until(lambda: failing.labels(name) == whole)
    box = failing.chart(name).bounding_box()
    assert box
    at = box["y"] + box["height"] / 2
    failing.page.mouse.move(box["x"] + box["width"] * 0.4, at)
    failing.page.mouse.down()
    failing.page.mouse.move(box["x"] + box["width"] * 0.6, at, steps=4)
    expect(failing.page.locator(".brush")).to_be_visible()
    failing.page.mouse.up()
    wait_until(lambda: failing.labels(name) != whole)
    failing.page.mouse.dblclick(box["x"] + box["width"] * 0.5, at)
    wait_until(lambda: failing.labels(name) == whole)


def test_pictures_over_time_are_looked_at_together(failing: Opened) -> None:
    over_time = ("heat-baseline", "heat-challenger", "response", "throughput", "generator")
    whole = {name: failing.labels(name) for name in (*over_time, "within", "pairs")}
    failing.chart("heat-challenger").focus()
    failing.page.keyboard.press("+")
    wait_until(lambda: all(failing.labels(name) != whole[name] for name in over_time))
    assert len({tuple(failing.labels(name)) for name in ("response", "throughput")}) == 1
    for name in ("within", "pairs"):
        assert failing.labels(name) == whole[name]
    failing.page.locator("#figure-generator").get_by_role("button", name="all").click()
    wait_until(lambda: all(failing.labels(name) == whole[name] for name in over_time))


def saved(opened: Opened, chart: str, form: str) -> bytes:
    figure = opened.page.locator(f"#figure-{chart}")
    figure.locator("details").evaluate("one => { one.open = true; }")
    with opened.page.expect_download() as download:
        figure.get_by_role("button", name=form, exact=True).click()
    assert download.value.suggested_filename == f"dragstrip-{chart}.{form.lower()}"
    content = download.value.path().read_bytes()
    # The browser tells of what it makes itself, too.
    own = ("request: blob:", "request: data:")
    opened.heard[:] = [one for one in opened.heard if not one.startswith(own)]
    return content


def test_a_picture_and_its_data_are_saved_as_files(failing: Opened) -> None:
    rows = list(csv.reader(saved(failing, "response", "CSV").decode().splitlines()))
    run, _ = examples()["failing"]
    assert rows[0] == ["slice", "p50 (ms)", "p95 (ms)", "p99 (ms)"]
    assert [[float(cell) if cell != "–" else None for cell in row[1:]] for row in rows[1:]] == [
        [one.p50_ms, one.p95_ms, one.p99_ms]
        for one in sorted(run.slices, key=lambda one: one.index)
    ]
    cells = list(csv.reader(saved(failing, "heat-challenger", "CSV").decode().splitlines()))[1:]
    assert [int(row[4]) for row in cells if row[2] == "1000"] == [3, 4, 5]
    assert sum(int(row[5]) for row in cells) == 2
    for chart in ("gauge", "heat-challenger"):
        drawn = saved(failing, chart, "SVG").decode()
        said = " ".join(ElementTree.fromstring(drawn).itertext())
        title = failing.page.locator(f"#title-{chart}").text_content() or ""
        assert plain(title) in plain(said)
        assert "var(" not in drawn
        assert saved(failing, chart, "PNG").startswith(b"\x89PNG")


def test_a_saved_picture_of_an_invalid_run_says_so(pages: dict[str, Opened]) -> None:
    drawn = saved(pages["invalid"], "response", "SVG").decode()
    said = " ".join(ElementTree.fromstring(drawn).itertext())
    assert "Invalid run: this picture proves nothing." in said
    assert words.LAB_BANNER in said


def test_every_section_and_picture_has_a_link_that_lasts(failing: Opened) -> None:
    page = failing.page
    places = page.locator("main section[id], main figure")
    ids = places.evaluate_all("all => all.map((one) => `#${one.id}`)")
    links = page.locator(".anchor").evaluate_all("all => all.map((one) => one.hash)")
    assert sorted(ids) == sorted(links)
    expect(page.locator("#gates-table")).to_be_hidden()
    page.get_by_role("link", name="Validity", exact=True).click()
    expect(page.locator("#gates-table")).to_be_visible()
    page.locator("#gates summary").click()


def test_the_first_screen_of_a_phone_says_what_decides(pages: dict[str, Opened]) -> None:
    page = pages["lab"].page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.evaluate("scrollTo(0, 0)")
    for place in ("#verdict-title", "#ratio", "#key-table", "#gates summary"):
        expect(page.locator(place)).to_be_in_viewport(ratio=1)
    _, verdict = examples()["lab"]
    assert f"95 % interval {verdict.low:.3f} to {verdict.high:.3f}" in plain(
        page.locator("#ratio").text_content() or ""
    )
    figures = [plain(one) for one in page.locator("#key-table td").all_text_contents()]
    assert figures == [
        milliseconds(one)
        for side in verdict.targets.values()
        for one in (side.p50_ms, side.p95_ms, side.p99_ms)
    ]
    expect(page.locator("#gates summary")).to_have_text("16 of 16 validity checks passed")
    expect(page.locator("#gates-table")).to_be_hidden()


def test_the_tab_key_goes_from_the_skip_link_to_the_pictures(failing: Opened) -> None:
    page = failing.page
    page.evaluate("scrollTo(0, 0); document.activeElement.blur(); getSelection().removeAllRanges()")
    page.mouse.click(3, 3)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    seen = []
    while failing.chart("gauge").evaluate("one => one !== document.activeElement"):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.hash || document.activeElement.tagName"))
        assert len(seen) < 6
    assert seen == ["#verdict", "SUMMARY", "#figure-gauge", "DIV"]
    outline = failing.chart("gauge").evaluate("one => getComputedStyle(one).outlineStyle")
    assert outline == "solid"


def test_dark_light_and_print_have_their_own_colours(failing: Opened) -> None:
    page = failing.page
    page.emulate_media(color_scheme="dark")

    def colours() -> tuple[str, str]:
        line = failing.chart("within").locator(".mark-line path").first
        found: tuple[str, str] = (
            page.evaluate("getComputedStyle(document.body).backgroundColor"),
            line.evaluate("one => getComputedStyle(one).stroke"),
        )
        return found

    dark = colours()
    assert dark == ("rgb(16, 21, 27)", "rgb(86, 180, 233)")
    page.emulate_media(color_scheme="light")
    light = colours()
    assert light == ("rgb(255, 255, 255)", "rgb(0, 114, 178)")
    page.emulate_media(color_scheme="dark", media="print")
    assert colours() == light
    expect(page.locator("nav")).to_be_hidden()
    assert page.pdf(format="A4", print_background=True).startswith(b"%PDF")


@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [
        ("failing", "light", 1440),
        ("invalid", "dark", 360),
        ("history", "light", 360),
        ("comparison", "dark", 1440),
        ("capacity", "light", 360),
        ("soak", "dark", 1440),
    ],
)
def test_axe_finds_no_fault(
    pages: dict[str, Opened], name: str, scheme: Literal["dark", "light"], width: int
) -> None:
    page = pages[name].page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    # One of the long tables stands for all of them.
    long_ones = [[f"#data-{chart}"] for chart in ("slowest", "response", "throughput", "generator")]
    found = Axe().run(page, context={"exclude": long_ones})
    faults = [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in found.response["violations"]
    ]
    assert faults == []
    page.set_viewport_size(DESK)  # type: ignore[arg-type]


def test_a_name_is_text_in_what_the_cursor_tells(pages: dict[str, Opened]) -> None:
    opened = pages["hostile"]
    opened.chart("slowest").focus()
    opened.page.keyboard.press("End")
    names = opened.page.locator("#tip dt").all_text_contents()
    assert names == [f"{NASTY}1", f"{NASTY}2"]
    assert_silent(opened)
