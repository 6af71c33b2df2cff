"""Locust's web UI in a real browser: pick a class, start, see verified lookups, stop."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import expect

from tests.lab.lab_homes import wait_until
from tests.support import chromium, locust_runs
from tests.support.seeded_lab import seeded_config, write_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page


@pytest.fixture
def address(tmp_path: Path, lab_environment: dict[str, str]) -> Iterator[str]:
    """Locust's web UI, started as `locust` with nothing but a port."""
    seeded_config(lab_environment)
    write_toml(tmp_path, rate=80.0, timeout=5.0)
    port = locust_runs.free_port()
    url = f"http://127.0.0.1:{port}"
    process = locust_runs.start(tmp_path, lab_environment, "--web-port", port)
    try:
        wait_until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None
        yield url
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.fixture
def page() -> Iterator[Page]:
    with chromium.browser() as browser:
        yield browser.new_page()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_pick_a_class_start_see_lookups_stop(page: Page, address: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    others = ("NextSupabaseLookup", "NextConvexLookup", "ConvexQueryLookup", "SupabaseRpcLookup")
    for user_class in ("ConvexHttpLookup", *others):
        expect(page.get_by_text(user_class)).to_be_visible()
    for user_class in others:
        row = page.get_by_role("row").filter(has_text=user_class)
        row.get_by_role("checkbox").uncheck()
    page.get_by_label("Number of users").fill("8")
    page.get_by_label("Ramp up").fill("8")
    # The host field must not lead the users elsewhere.
    page.get_by_label(re.compile("^Host")).fill("http://127.0.0.1:9")
    page.get_by_role("button", name="Start").click()

    cells = page.get_by_role("row").filter(has_text="convex").first.get_by_role("cell")
    expect(cells.nth(0)).to_have_text("GET", timeout=30_000)
    expect(cells.nth(2)).to_have_text(re.compile(r"^[1-9]\d+$"), timeout=30_000)
    expect(cells.nth(3)).to_have_text("0")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("STOPPED")).to_be_visible(timeout=30_000)

    counted = {
        entry["name"]: (entry["num_requests"], entry["num_failures"])
        for entry in httpx.get(f"{address}/stats/requests", trust_env=False).json()["stats"]
    }
    assert counted.keys() == {"convex (lab)", "Aggregated"}
    assert counted["convex (lab)"][0] >= 10
    assert counted["convex (lab)"][1] == 0
    assert errors == []
