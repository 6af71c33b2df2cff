"""What is seen of a race while it runs, from races that fill their folders up slice by slice."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import orjson
from rich.console import Console

from dragstrip.analysis.numbers import milliseconds
from dragstrip.ledger.live_counts import total
from dragstrip.live.console import Screen, line, picture, screen_on
from dragstrip.live.follow import Follower
from dragstrip.live.progress import Clock
from dragstrip.run import live_stats
from dragstrip.run.plan import SLICES_FILE
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.ledger.live_counts import Brief
    from dragstrip.live.follow import State
    from dragstrip.run.plan import Plan
    from dragstrip.run.slice_report import SliceReport

PAIRS = 4


class Hand:
    """A clock that a test turns, in seconds."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def append(folder: Path, reports: list[SliceReport]) -> None:
    with (folder / SLICES_FILE).open("ab") as file:
        file.writelines(orjson.dumps(report) + b"\n" for report in reports)


def under_way(index: int, target: int, verified: int) -> live_stats.Live:
    counted: Brief = {**total([]), "verified": verified}
    return {"slice": index, "targets": {str(target): {"0": counted}}, "processes": 1, "lost": 0}


def shown(state: State, clock: Clock) -> str:
    console = Console(file=io.StringIO(), width=110, force_terminal=False)
    with console.capture() as capture:
        console.print(picture(state, clock, "p95"))
    return capture.get()


def after(folder: Path, plan: Plan, slices: int) -> State:
    append(folder, record(plan)[:slices])
    return Follower(folder, plan, "p95").look()


def test_before_anything_is_over_nothing_is_claimed(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    state, clock = after(tmp_path, plan, 0), Clock(plan)
    clock.see(state)
    text = shown(state, clock)
    assert "slice 1 of 8" in text
    assert "0:24 left" in text
    assert "after three pairs" in text
    assert "pass so far" not in text
    assert " ms" not in text


def test_figures_so_far_are_those_that_the_run_would_have(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    state, clock = after(tmp_path, plan, 6), Clock(plan)
    clock.see(state)
    run, _ = conclude(plan, record(plan)[:6])
    text = shown(state, clock)
    for name, figures in run.targets.items():
        row = next(one for one in text.splitlines() if re.match(rf"\W+{name}\b", one))
        assert f"{figures.verified:,}" in row
        assert milliseconds(figures.p95_ms) in row
    assert "3 pairs" in text
    assert "slice 7 of 8" in text
    spoken = line(state, clock, "p95")
    assert "3 of 4 pairs" in spoken
    assert all(
        f"{name} {milliseconds(figures.p95_ms)}" in spoken for name, figures in run.targets.items()
    )


def test_a_condition_that_is_broken_is_named_at_once(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = record(plan)
    for report in reports:
        for worker in report["workers"]:
            worker["cpu_s"] = 2.97
    append(tmp_path, reports[:2])
    state, clock = Follower(tmp_path, plan, "p95").look(), Clock(plan)
    clock.see(state)
    broken = [gate.name for gate in state.gates if not gate.passed]
    assert "generator_cpu" in broken
    assert shown(state, clock).count("✗") == len(broken)
    assert "failed so far, so no ratio: " in line(state, clock, "p95")


def test_rate_and_time_left_follow_the_slice_under_way(tmp_path: Path) -> None:
    plan, hand = plan_of(pairs=PAIRS), Hand()
    clock, follower = Clock(plan, hand), Follower(tmp_path, plan, "p95")
    slice_ = plan.slices[0]
    for second in range(3):
        live_stats.write(tmp_path, under_way(0, slice_.target, 50 * second))
        state = follower.look()
        clock.see(state)
        hand.now_s += 1
    assert clock.per_s(slice_.target) == 50
    assert clock.per_s(1 - slice_.target) == 0
    # Eight slices of three seconds; the first is as good as over.
    assert clock.left_s(state) == 21


def test_without_a_terminal_there_is_a_line_every_ten_seconds(tmp_path: Path) -> None:
    plan, hand = plan_of(pairs=PAIRS), Hand()
    follower, out = Follower(tmp_path, plan, "p95"), io.StringIO()
    screen = Screen(Console(file=out, width=200), hand)
    for report in record(plan):
        append(tmp_path, [report])
        for _ in range(30):
            screen.watch(follower.look(), "p95")
            hand.now_s += 0.1
    # Eight slices of three seconds: a line at 10 s, in the fourth, and at 20 s, in the seventh.
    lines = out.getvalue().splitlines()
    assert [text.split(" pairs")[0] for text in lines] == [f"race: {n} of {PAIRS}" for n in (2, 3)]


def test_on_a_terminal_the_picture_goes_when_the_race_is_over(tmp_path: Path) -> None:
    plan, out = plan_of(pairs=PAIRS), io.StringIO()
    with screen_on(Console(file=out, width=110, force_terminal=True)) as screen:
        screen.watch(after(tmp_path, plan, 4), "p95")
        assert "\x1b[?25l" in out.getvalue()
    assert out.getvalue().rstrip().endswith(("\x1b[?25h", "\x1b[2K"))


def test_operations_have_a_line_each_and_one_decides(tmp_path: Path) -> None:
    plan = plan_of(pairs=3, operations=OPERATIONS)
    append(tmp_path, record(plan, ((20.0, 10.0), (5.0, 10.0)))[:4])
    state, clock = Follower(tmp_path, plan, "p50", "message").look(), Clock(plan)
    clock.see(state)
    out = shown(state, clock)
    lines = [one.split() for one in out.splitlines()]
    assert [one[0] for one in lines if one[:1] in (["lookup"], ["message"])][:4] == [
        *("lookup", "message", "lookup", "message")
    ]
    assert ["message", "200", "0"] in [one[:3] for one in lines]
    assert "message p95 new/old so far: after three pairs" in out
    assert "2 of 3 pairs; message p50 so far: old" in line(state, clock, "p50")
