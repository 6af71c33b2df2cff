"""Progress tells rate and time left truly, on a terminal, in lines and in JSON."""

from __future__ import annotations

import io

import orjson
from rich.console import Console

from seeding.progress import WINDOW_S, JsonLines, Lines, SeedingProgress, Standing, progress_on


class ProgressClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(on: Console) -> list[str]:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue().splitlines()


class TimedStore:
    """One store's work, by a clock of the test."""

    def __init__(self) -> None:
        self._clock = ProgressClock()
        self._tally = SeedingProgress(None, self._clock)
        self._tally.start("Convex", 10_000_000, "seed")

    @property
    def per_s(self) -> float | None:
        return self._tally.standings[0].per_s

    def work(self, seconds: int, contacts: int, *, found: bool = False) -> None:
        for _ in range(seconds):
            self._clock.now_s += 1
            self._tally.advance("Convex", contacts, found=found)


def test_what_was_right_already_does_not_falsify_the_rate() -> None:
    store = TimedStore()
    assert store.per_s is None
    store.work(10, 20_000, found=True)
    assert store.per_s == 20_000
    store.work(5, 500)
    assert store.per_s == 500
    store.work(1, 20_000, found=True)
    assert store.per_s == 500


def test_the_rate_is_that_of_the_recent_past() -> None:
    store = TimedStore()
    store.work(100, 100)
    store.work(int(WINDOW_S) + 1, 1_000)
    assert store.per_s == 1_000


def test_lines_have_rate_and_time_left_and_do_not_come_too_often() -> None:
    on, clock = console(), ProgressClock()
    tally = SeedingProgress(Lines(on, clock), clock)
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
    on, clock = console(), ProgressClock()
    tally = SeedingProgress(Lines(on, clock), clock)
    tally.start("Convex", None, "remove")
    clock.now_s += 10
    tally.advance("Convex", 5_000)
    assert said(on) == ["Convex: 5,000 contacts removed, 500/s"]
    assert tally.standings[0].words == "Convex has 5,000 contacts removed"


def test_machines_get_one_object_a_line() -> None:
    on, clock = console(), ProgressClock()
    tally = SeedingProgress(JsonLines(on, clock), clock)
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
