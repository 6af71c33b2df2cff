"""What is seen of a search while it runs: on a terminal its curve, elsewhere a line a slice."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from dragstrip.analysis.numbers import milliseconds
from dragstrip.live.console import Screen
from dragstrip.report import capacity as words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from dragstrip.analysis.capacity_model import Capacity, CapacitySlice

MARKS = ("●", "▲")
"""Of the baseline's slices and the challenger's."""
_STYLES = ("cyan", "magenta")
_WIDTH, _HEIGHT = 60, 10
_OUTCOMES = {"open": "too few requests to tell", "void": "void: the generator was late"}


class CapacityScreen(Screen):
    """Steps as lines; while the search runs, its curve on a terminal, a line a slice elsewhere."""

    def see(self, found: Capacity) -> None:
        """Show how the search stands. Called when a slice is over."""
        if self.draws:
            self._draw(picture(found))
        elif found.slices:
            self.say(line(found.slices[-1]))


@contextmanager
def screen_on(console: Console) -> Iterator[CapacityScreen]:
    """Return a screen for the time of the block."""
    screen = CapacityScreen(console)
    try:
        yield screen
    finally:
        screen.close()


def line(one: CapacitySlice) -> str:
    """Return what a slice came to."""
    if one.phase == "recovery":
        return f"capacity: {one.target} " + ("is back" if one.kept >= 0.5 else "recovers")
    why = ", ended early" if one.cut else ", falling behind" if one.grew else ""
    return (
        f"capacity: {one.target} at {words.rate(one.rate_per_s)}: "
        f"{_OUTCOMES.get(one.outcome, one.outcome)} (p95 {milliseconds(one.p95_ms)}{why})"
    )


def picture(found: Capacity) -> RenderableType:
    """Return the quantile against the rate, both logarithmic, and the capacities so far."""
    parts = [_drawing(found)]
    for name, mark, style in zip(found.targets, MARKS, _STYLES, strict=True):
        one = found.targets[name]
        said = words.carried(found, name) if one.capacity_per_s else f"{name} is being searched."
        parts.append(Text.assemble((mark, style), f" {said}"))
    if found.slices:
        parts.append(Text(line(found.slices[-1]), style="dim"))
    return Group(*parts)


def _drawing(found: Capacity) -> Text:
    objective = found.objective
    points = [
        (one.rate_per_s, one.quantile_ms(objective.metric), list(found.targets).index(one.target))
        for one in found.slices
        if one.phase == "search" and one.outcome != "void"
    ]
    times = [objective.slo_ms, *(at for _, at, _ in points if at)]
    low, high = min(times), 1.2 * max(times)
    cells = [[(" ", "")] * _WIDTH for _ in range(_HEIGHT)]
    cells[_place(objective.slo_ms, low, high, _HEIGHT)] = [("╌", "yellow")] * _WIDTH
    for rate, at, side in points:
        column = _place(rate, found.lowest_per_s, found.highest_per_s, _WIDTH)
        # A quantile that failed is slower than every other.
        row = _place(at, low, high, _HEIGHT) if at else _HEIGHT - 1
        cells[row][column] = (MARKS[side], _STYLES[side])
    return _framed(cells, found, (low, high))


def _framed(
    cells: Sequence[Sequence[tuple[str, str]]], found: Capacity, times: tuple[float, float]
) -> Text:
    low, high = map(milliseconds, times)
    labels = {0: low, len(cells) - 1: high}
    width = max(map(len, labels.values()))
    text = Text(f"{found.objective.metric} against rate, ╌ the objective: ")
    text.append(f"{found.objective.slo_ms:g} ms\n")
    for number in reversed(range(len(cells))):
        text.append(f"{labels.get(number, ''):>{width}} │", "dim").append_text(
            Text.assemble(*cells[number])
        ).append("\n")
    ends = words.rate(found.lowest_per_s), words.rate(found.highest_per_s)
    return text.append(f"{'':>{width}} └{ends[0]}{ends[1]:>{_WIDTH - len(ends[0])}}", "dim")


def _place(value: float, low: float, high: float, cells: int) -> int:
    """Return the cell, from 0, that a value falls in on a logarithmic axis."""
    span = math.log(high / low)
    share = math.log(value / low) / span if span else 0.0
    return min(max(round(share * (cells - 1)), 0), cells - 1)
