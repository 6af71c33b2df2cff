"""Progress tells rate and time left truly, on a terminal, in lines and in JSON."""

from __future__ import annotations

import io

import orjson
import pytest
from rich.console import Console

from seeding.progress import progress_on
from seeding.progress_views import JsonLines, Lines
from seeding.rate import WINDOW_S, Rate
from seeding.standing import Standing, Tally


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(on: Console) -> list[str]:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue().splitlines()


def test_what_was_right_already_does_not_falsify_the_rate() -> None:
    rate = Rate(0.0)
    assert rate.per_s() is None
    for second in range(1, 11):
        rate.add(20_000, float(second), found=True)
    assert rate.per_s() == 20_000
    for second in range(11, 16):
        rate.add(500, float(second), found=False)
    assert rate.per_s() == 500
    rate.add(20_000, 16.0, found=True)
    assert rate.per_s() == 500


def test_the_rate_is_that_of_the_recent_past() -> None:
    rate = Rate(0.0)
    for second in range(1, 101):
        rate.add(100, float(second), found=False)
    for second in range(101, 101 + int(WINDOW_S)):
        rate.add(1_000, float(second), found=False)
    assert rate.per_s() == 1_000


def test_a_batch_that_takes_longer_than_the_window_has_a_rate() -> None:
    rate = Rate(0.0)
    rate.add(10, 1.0, found=False)
    rate.add(100 * int(WINDOW_S), 1.0 + 10 * WINDOW_S, found=False)
    assert rate.per_s() == pytest.approx(10)


def test_lines_have_rate_and_time_left_and_do_not_come_too_often() -> None:
    on, clock = console(), Clock()
    tally = Tally(Lines(on, clock), clock)
    tally.start("Convex", 100_000, "seed")
    for _ in range(30):
        clock.now_s += 0.5
        tally.advance("Convex", 250)
    assert said(on)[0] == "Convex: 1,000/100,000 contacts in place, 500/s, 3:18 left"
    assert len(said(on)) == 7
    clock.now_s += 60
    for _ in range(30):
        clock.now_s += 0.5
        tally.advance("Convex", 250)
    assert len(said(on)) == 9
    tally.advance("Convex", 85_000)
    assert said(on)[-1].startswith("Convex: 100,000/100,000 contacts in place, ")
    assert "left" not in said(on)[-1]


def test_an_unknown_end_has_no_time_left() -> None:
    on, clock = console(), Clock()
    tally = Tally(Lines(on, clock), clock)
    tally.start("Convex", None, "remove")
    clock.now_s += 10
    tally.advance("Convex", 5_000)
    assert said(on) == ["Convex: 5,000 contacts removed, 500/s"]
    assert tally.standings[0].words == "Convex has 5,000 contacts removed"


def test_machines_get_one_object_a_line() -> None:
    on, clock = console(), Clock()
    tally = Tally(JsonLines(on, clock), clock)
    tally.start("Supabase", 10_000, "verify")
    clock.now_s += 2
    tally.advance("Supabase", 2_000)
    clock.now_s += 0.1
    tally.advance("Supabase", 100)
    clock.now_s += 0.1
    tally.advance("Supabase", 7_900)
    common = {"store": "Supabase", "phase": "verify", "of": 10_000}
    first, second, last = map(orjson.loads, said(on))
    assert first == {
        **common, "event": "start", "contacts": 0, "per_s": None, "left_s": None,
    }  # fmt: skip
    assert second == {
        **common, "event": "progress", "contacts": 2_000, "per_s": 1_000.0, "left_s": 8.0,
    }  # fmt: skip
    assert (last["event"], last["contacts"], last["left_s"]) == ("done", 10_000, 0.0)


def test_a_terminal_gets_a_bar_for_each_store() -> None:
    on = Console(file=io.StringIO(), force_terminal=True, width=120)
    with progress_on(on) as reporter:
        reporter.start("Convex", 2_000, "remove")
        reporter.advance("Convex", 2_000)
        reporter.start("Convex", 100_000, "seed")
        reporter.start("Supabase", 100_000, "seed")
        reporter.advance("Supabase", 50_000)
    screen = "\n".join(said(on)[-3:])
    assert "Convex" in screen
    assert "0/100,000 in place" in screen
    assert "50,000/100,000 in place" in screen
    assert " left" in screen
    assert "2,000 removed" not in screen


def test_where_a_store_stands_is_a_sentence() -> None:
    standing = Standing("Convex", "seed", 12_800, 100_000)
    assert standing.words == "Convex has 12,800 of 100,000 contacts in place"
    assert not standing.finished
