"""A picture of the HTML report: a Vega-Lite specification, and all that it says in words.

A reader who cannot see a picture has its title, its summary and its table. Pointing at it, or
walking through it with the arrow keys, shows the exact values of the nearest stop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Spec = dict[str, Any]
"""A part of a Vega-Lite specification."""

Dash = Literal["baseline", "challenger"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell: what it says, and the stored value behind it; None where there is none."""

    text: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A picture's data: as many cells in each row as there are heads."""

    heads: tuple[str, ...]
    rows: list[tuple[Cell, ...]]

    def stops(self, places: Iterable[float | str]) -> tuple[ColourStop, ...]:
        """Return a stop for each row, at these places: its first cell is the title."""
        return tuple(
            ColourStop(
                at,
                row[0].text,
                tuple((head, c.text) for head, c in zip(self.heads[1:], row[1:], strict=True)),
            )
            for at, row in zip(places, self.rows, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ColourStop:
    """A place in the picture that the cursor can be at, and what is told there.

    `at` is its place on the chart's axis, in the axis's unit.
    """

    at: float | str
    title: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the legend: the style of a series, by its name in the style sheet."""

    style: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture. `walk` is the axis along which the cursor goes from stop to stop.

    `zoom` is the whole domain of the horizontal axis where that can be narrowed; the specification
    then has it as the parameters `low` and `high`. Those that are `is_over_time` have the race's
    time there, and are narrowed together.
    """

    id: str
    title: str
    how_to_read: str
    summary: str
    spec: Spec
    table: Table
    stops: tuple[ColourStop, ...] = ()
    walk: Literal["x", "y"] = "x"
    zoom: tuple[float, float] | None = None
    log: bool = False
    is_over_time: bool = False
    legend: tuple[Key, ...] = ()
    is_wide: bool = False
    has_open_table: bool = False
    notes: tuple[str, ...] = field(default=())


def for_browser(chart: Chart) -> dict[str, Any]:
    """Return what the page's script needs of a chart, as JSON carries it."""
    return {
        "id": chart.id,
        "spec": chart.spec,
        "walk": chart.walk,
        "zoom": chart.zoom,
        "log": chart.log,
        "is_over_time": chart.is_over_time,
        "stops": [
            {"at": stop.at, "title": stop.title, "values": stop.values} for stop in chart.stops
        ],
    }
