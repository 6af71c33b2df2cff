"""Stored runs in the order they were made, as text for a terminal; plain where there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dragstrip.analysis import numbers
from dragstrip.analysis.operations import declared
from dragstrip.report import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from dragstrip.analysis.history import History, Moment

LINE, VALUE, LOW, HIGH = "─●├┤"
_LEAST_WIDTH = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """From `low` to `high`, both above 0; equal steps are equal ratios."""

    low: float
    high: float

    def place(self, value: float, width: int) -> int:
        """Return the column, from 0 to width - 1, that a value within the axis falls on."""
        span = math.log(self.high / self.low)
        share = math.log(value / self.low) / span if span else 0.5
        return min(max(round(share * (width - 1)), 0), width - 1)


def axis_of(history: History) -> Axis | None:
    """Return the axis that all intervals fit on; None where there is none."""
    ends = [
        end
        for one in history.runs
        for end in (one.low_ms, one.high_ms)
        if one.value_ms is not None and end is not None
    ]
    return Axis(min(ends), max(ends)) if ends else None


def bar(moment: Moment, axis: Axis, width: int) -> str:
    """Draw one run's interval, `width` columns wide."""
    if moment.value_ms is None or moment.low_ms is None or moment.high_ms is None:
        return ""
    low, value, high = (
        axis.place(one, width) for one in (moment.low_ms, moment.value_ms, moment.high_ms)
    )
    drawn = [" "] * width
    drawn[low : high + 1] = [LINE] * (high + 1 - low)
    drawn[low], drawn[high] = LOW, HIGH
    drawn[value] = VALUE
    return "".join(drawn).rstrip()


def render(history: History, *, verbose: bool = False) -> RenderableType:
    """Return how the target's quantile moved; with `verbose`, after the list of the runs.

    Unless `verbose`, it is of the newest runs and fits 24 lines.
    """
    if not verbose:
        return _in_short(history)
    parts: list[RenderableType] = []
    if any(one.lab for one in history.runs):
        parts += [Text(_lab(history), style="yellow"), Text()]
    parts += [_list(history), Text(), Text(_title(history)), Text(), _Drawing(history)]
    notes = list(_notes(history))
    if notes:
        parts += [Text(), *(Text(note, style="dim") for note in notes)]
    return Group(*parts)


def _in_short(history: History) -> RenderableType:
    shown = history.model_copy(update={"runs": history.runs[-_MOST_RUNS:]})
    parts: list[RenderableType] = [Text(_title(shown)), Text(), _Drawing(shown), Text()]
    if any(one.lab for one in shown.runs):
        parts.insert(0, Text(_lab(shown), style="yellow"))
    for one in shown.runs[-1:]:
        sides = f"{declared(one)} {one.challenger}/{one.baseline}"
        parts.append(Text(f"newest: {one.verdict.upper()}, {sides} {_ratio(one)}"))
    left = len(history.runs) - len(shown.runs)
    unlike = sum(bool(one.unlike) for one in shown.runs)
    notes = [f"{left} older runs"] * bool(left)
    notes += [f"* {unlike} not comparable with the newest"] * bool(unlike)
    notes += [f"{len(history.skipped)} folders skipped"] * bool(history.skipped)
    if notes:
        parts.append(Text(f"{'; '.join(notes)}; --verbose says more", style="dim"))
    return Group(*parts)


_MOST_RUNS = 12
"""Runs that fit on a screen with everything else."""


def _lab(history: History) -> str:
    if all(one.lab for one in history.runs):
        return text.LAB_BANNER
    return f"Runs marked lab: {text.LAB_BANNER[0].lower()}{text.LAB_BANNER[1:]}"


def _title(history: History) -> str:
    return (
        f"{declared(history)} of {history.target} in a typical slice, with its 95 % interval "
        "(equal steps are equal ratios)"
    )


def _list(history: History) -> Table:
    table = _table()
    for head in ("run", "started (UTC)"):
        table.add_column(Text(head, style="dim"), no_wrap=True)
    for head in ("ratio of", "", "verdict", "with its 95 % interval"):
        table.add_column(Text(head, style="dim"), overflow="fold")
    for one in history.runs:
        table.add_row(
            Text(one.run),
            Text(f"{one.started:%Y-%m-%d %H:%M}"),
            Text(f"{declared(one)} {one.challenger}/{one.baseline}"),
            Text("lab" if one.lab else ""),
            Text(one.verdict.upper(), style=text.COLOURS[one.verdict]),
            Text(_ratio(one)),
        )
    return table


def _ratio(one: Moment) -> str:
    if one.ratio is None or one.low is None or one.high is None:
        return numbers.NOTHING
    return numbers.ratio_within(one.ratio, one.low, one.high, one.pairs)


class _Drawing:
    """The intervals below one another, as wide as the console allows."""

    def __init__(self, history: History) -> None:
        self._history = history

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        axis, rows = axis_of(self._history), self._history.runs
        first = [_name(one) for one in rows]
        second = [_value(one) for one in rows]
        room = options.max_width - sum(max(map(len, column)) + 2 for column in (first, second))
        width = max(room, _LEAST_WIDTH)
        table = _table()
        table.add_column(Text("run", style="dim"), no_wrap=True)
        table.add_column(Text(declared(self._history), style="dim"), no_wrap=True)
        table.add_column(_ends(axis, width) if axis else "", no_wrap=True, overflow="crop")
        for one, name, value in zip(rows, first, second, strict=True):
            drawn = bar(one, axis, width) if axis else ""
            style = "dim" if one.unlike or one.value_ms is None else ""
            table.add_row(*(Text(cell, style=style) for cell in (name, value, drawn)))
        yield table


def _name(one: Moment) -> str:
    return f"{one.run} {'*' if one.unlike else ' '}"


def _value(one: Moment) -> str:
    if one.value_ms is None or one.low_ms is None or one.high_ms is None:
        return numbers.NOTHING
    low, high = (numbers.milliseconds(end) for end in (one.low_ms, one.high_ms))
    return f"{numbers.milliseconds(one.value_ms)} ({low.removesuffix(' ms')} to {high})"


def _ends(axis: Axis, width: int) -> Text:
    low, high = numbers.milliseconds(axis.low), numbers.milliseconds(axis.high)
    return Text(f"{low}{high:>{max(width - len(low), len(high) + 1)}}", style="dim")


def _notes(history: History) -> Iterator[str]:
    for one in history.runs:
        if one.note:
            yield f"{one.run} has no value: {one.note}"
    for one in history.runs:
        if one.unlike:
            yield (
                f"* {one.run} is not comparable with {history.reference}: it differs in "
                + ", ".join(one.unlike)
            )
    for skipped in history.skipped:
        yield f"skipped {skipped.name}: {skipped.reason}"


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
