"""What is seen of a search while it runs, slice by slice."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from dragstrip.live.capacity_screen import MARKS, line, picture, screen_on
from tests.unit.analysis.test_capacity import searched

if TYPE_CHECKING:
    from dragstrip.analysis.capacity_model import Capacity

WIDTH = 80


def so_far(slices: int) -> Capacity:
    found = searched(100, 220)
    p95_ms = dict(zip(found.targets, (20.0, 90.0), strict=True))
    times = {"p50_ms": 0.5, "p95_ms": 1.0, "p99_ms": 2.0}
    timed = [
        one.model_copy(
            update={
                name: p95_ms[one.target] * share if one.kept else None
                for name, share in times.items()
            }
        )
        for one in found.slices
    ]
    return found.model_copy(update={"slices": timed[:slices]})


def drawn(found: Capacity) -> list[str]:
    console = Console(file=io.StringIO(), width=WIDTH, force_terminal=False)
    with console.capture() as capture:
        console.print(picture(found))
    return capture.get().splitlines()


@pytest.mark.parametrize("slices", [0, 1, 4, 100])
def test_the_curve_grows_and_fits_a_screen(slices: int) -> None:
    found = so_far(slices)
    rows = drawn(found)
    assert len(rows) < 24
    assert all(len(row) <= WIDTH for row in rows)
    for name, mark in zip(found.targets, MARKS, strict=True):
        own = [
            one
            for one in found.slices
            if (one.target, one.phase, one.outcome) == (name, "search", "kept")
        ]
        curve = "\n".join(row for row in rows if "│" in row)
        assert (mark in curve) == bool(own)
    if slices == 100:
        assert any(" carries " in row for row in rows)


def test_without_a_terminal_a_slice_is_a_line() -> None:
    out = io.StringIO()
    with screen_on(Console(file=out, width=200)) as screen:
        for count in range(4):
            screen.see(so_far(count))
    assert out.getvalue().splitlines() == [line(one) for one in so_far(3).slices]


def test_on_a_terminal_the_curve_goes_when_the_search_is_over() -> None:
    out = io.StringIO()
    with screen_on(Console(file=out, width=WIDTH, force_terminal=True)) as screen:
        screen.see(so_far(5))
        assert "\x1b[?25l" in out.getvalue()
    assert out.getvalue().rstrip().endswith(("\x1b[?25h", "\x1b[2K"))
