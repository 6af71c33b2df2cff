"""Stored runs in the order they were made, as text for a terminal; plain where there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dragstrip.analysis import numbers
from dragstrip.analysis.operations import declared
from dragstrip.report import text
from dragstrip.report.capacity import rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from dragstrip.analysis.history import History, Moment
    from dragstrip.analysis.stored_searches import Carried

    Unit = Callable[[float], str]

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


class Row(NamedTuple):
    """A line of a drawing: its interval as (low, value, high), where there is one."""

    name: str
    value: str
    interval: tuple[float, float, float] | None
    is_dim: bool = False


def axis_of(rows: Sequence[Row]) -> Axis | None:
    """Return the axis that all intervals fit on; None where there is none."""
    ends = [end for row in rows if row.interval for end in row.interval]
    return Axis(min(ends), max(ends)) if ends else None


def bar(interval: tuple[float, float, float] | None, axis: Axis, width: int) -> str:
    """Draw an interval, `width` columns wide."""
    if interval is None:
        return ""
    low, value, high = (axis.place(one, width) for one in interval)
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
    if any(_labs(history)):
        parts += [Text(_lab(history), style="yellow"), Text()]
    if history.runs:
        parts += [_list(history), Text(), Text(_title(history)), Text(), _times(history), Text()]
    if history.searches:
        parts += [Text(_capacities_title(history)), Text(), _capacities(history), Text()]
    notes = list(_notes(history))
    parts += [Text(note, style="dim") for note in notes]
    if not notes:
        parts.pop()
    return Group(*parts)


def _in_short(history: History) -> RenderableType:
    searches = history.searches[-_MOST_SEARCHES:]
    most = _MOST_RUNS - (len(searches) + _AROUND if searches else 0)
    shown = history.model_copy(update={"runs": history.runs[-most:], "searches": searches})
    parts: list[RenderableType] = []
    if any(_labs(shown)):
        parts.append(Text(_lab(shown), style="yellow"))
    if shown.runs:
        parts += [Text(_title(shown)), Text(), _times(shown), Text()]
    if searches:
        parts += [Text(_capacities_title(shown)), _capacities(shown), Text()]
    for one in shown.runs[-1:]:
        sides = f"{declared(one)} {one.challenger}/{one.baseline}"
        parts.append(Text(f"newest: {one.verdict.upper()}, {sides} {ratio_of(one)}"))
    left = len(history.runs) - len(shown.runs)
    unlike = sum(bool(one.unlike) for one in shown.runs)
    more = len(history.searches) - len(searches)
    notes = [f"{left} older runs"] * bool(left) + [f"{more} older searches"] * bool(more)
    notes += [f"* {unlike} not comparable with the newest"] * bool(unlike)
    notes += [f"{len(history.skipped)} folders skipped"] * bool(history.skipped)
    if notes:
        parts.append(Text(f"{'; '.join(notes)}; --verbose says more", style="dim"))
    return Group(*parts)


_MOST_RUNS = 12
"""Runs that fit on a screen with everything else."""
_MOST_SEARCHES, _AROUND = 4, 4


def _labs(history: History) -> list[bool]:
    return [one.lab for one in history.runs] + [one.lab for one in history.searches]


def _lab(history: History) -> str:
    if all(_labs(history)):
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
            Text(ratio_of(one)),
        )
    return table


def ratio_of(one: Moment) -> str:
    """Return a run's ratio with its interval, or why there is none to show."""
    if one.ratio is None or one.low is None or one.high is None:
        return numbers.NOTHING
    return numbers.ratio_within(one.ratio, one.low, one.high, one.pairs)


class _Drawing:
    """The intervals below one another, as wide as the console allows."""

    def __init__(self, rows: Sequence[Row], heads: tuple[str, str], unit: Unit) -> None:
        self._rows = rows
        self._heads = heads
        self._unit = unit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        axis = axis_of(self._rows)
        columns = [[row.name for row in self._rows], [row.value for row in self._rows]]
        room = options.max_width - sum(max(map(len, column)) + 2 for column in columns)
        width = max(room, _LEAST_WIDTH)
        table = _table()
        for head in self._heads:
            table.add_column(Text(head, style="dim"), no_wrap=True)
        ends = _ends(self._unit(axis.low), self._unit(axis.high), width) if axis else ""
        table.add_column(ends, no_wrap=True, overflow="crop")
        for row in self._rows:
            drawn = bar(row.interval, axis, width) if axis else ""
            style = "dim" if row.is_dim or row.interval is None else ""
            table.add_row(*(Text(cell, style=style) for cell in (row.name, row.value, drawn)))
        yield table


def _times(history: History) -> _Drawing:
    rows = [
        Row(_name(one), value_of(one), interval_of(one), bool(one.unlike)) for one in history.runs
    ]
    return _Drawing(rows, ("run", declared(history)), numbers.milliseconds)


def interval_of(one: Moment) -> tuple[float, float, float] | None:
    """Return a run's interval as (low, value, high), where it has one."""
    if one.value_ms is None or one.low_ms is None or one.high_ms is None:
        return None
    return one.low_ms, one.value_ms, one.high_ms


def _capacities_title(history: History) -> str:
    return f"what {history.target} carries within the objective, with its 95 % interval"


def _capacities(history: History) -> _Drawing:
    rows = [Row(f"{one.run}  ", _carried(one), _capacity_of(one)) for one in history.searches]
    return _Drawing(rows, ("search", "capacity"), rate)


def _capacity_of(one: Carried) -> tuple[float, float, float] | None:
    if not (one.capacity_per_s and one.low_per_s and one.high_per_s):
        return None
    return one.low_per_s, one.capacity_per_s, one.high_per_s


def _carried(one: Carried) -> str:
    if one.capacity_per_s is not None:
        low, high = rate(one.low_per_s), rate(one.high_per_s)
        return f"{rate(one.capacity_per_s)} ({low.removesuffix('/s')} to {high})"
    if one.low_per_s:
        return f"at least {rate(one.low_per_s)}"
    return f"below {rate(one.high_per_s)}" if one.high_per_s else numbers.NOTHING


def _name(one: Moment) -> str:
    return f"{one.run} {'*' if one.unlike else ' '}"


def value_of(one: Moment) -> str:
    """Return a target's value with its interval, or a dash."""
    if one.value_ms is None or one.low_ms is None or one.high_ms is None:
        return numbers.NOTHING
    low, high = (numbers.milliseconds(end) for end in (one.low_ms, one.high_ms))
    return f"{numbers.milliseconds(one.value_ms)} ({low.removesuffix(' ms')} to {high})"


def _ends(low: str, high: str, width: int) -> Text:
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
