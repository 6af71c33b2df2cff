"""The picture of a race under way: the ratio's interval, pair by pair, over the rule's zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Key, Table
from dragstrip.report.html.ratio_scale import zones_of
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.ratio import Interval
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run

_ROOM = 1.35
_HEADS = ("pairs", "ratio", "from", "to")


def charts(run: Run, what: str, found: Sequence[tuple[int, Interval]], pairs: int) -> list[Chart]:
    """Return the picture; none where there is no interval yet.

    `what` is compared. `found` are the intervals that are fit to be shown, after so many of the
    planned `pairs`.
    """
    if not found:
        return []
    ratio = f"{what} of {run.challenger} divided by that of {run.baseline}"
    _, last = found[-1]
    table = Table(_HEADS, [_cells(number, one) for number, one in found])
    made = Chart(
        id="narrowing",
        title=f"{ratio}, pair by pair",
        how_to_read="Each bar is the 95 % interval after so many pairs, the point in it the ratio. "
        "The zones are the rule, which was written down before the race. The verdict comes after "
        "the last pair: a bar that lies in a zone on the way decides nothing.",
        summary=f"After {found[-1][0]} of {pairs} pairs the ratio is {numbers.ratio(last.ratio)}, "
        f"95 % interval {numbers.ratios(last.low, last.high)}.",
        spec=marks.picture(_layers(run, found, pairs), _rows(found), height=240),
        table=table,
        stops=tuple(
            ColourStop(row[0].value or 0, f"after {row[0].text} pairs", _told(row))
            for row in table.rows
        ),
        legend=(
            Key("challenger", "ratio with its 95 % interval"),
            *(Key(f"zone-{zone.style}", zone.label) for zone in zones_of(run)),
        ),
        is_wide=True,
    )
    return [made]


def _rows(found: Sequence[tuple[int, Interval]]) -> list[Spec]:
    return [
        {"i": i, "pairs": number, "ratio": one.ratio, "low": one.low, "high": one.high}
        for i, (number, one) in enumerate(found)
    ]


def _cells(number: int, one: Interval) -> tuple[Cell, ...]:
    return figures.count(number), *map(figures.ratio, (one.ratio, one.low, one.high))


def _told(row: tuple[Cell, ...]) -> tuple[tuple[str, str], ...]:
    return ("ratio", row[1].text), ("95 % interval", f"{row[2].text} to {row[3].text}")


def _layers(run: Run, found: Sequence[tuple[int, Interval]], pairs: int) -> list[Spec]:
    zones = zones_of(run)
    ends = [end for _, one in found for end in (one.low, one.high)]
    low, high = min(*ends, zones[0].high) / _ROOM, max(*ends, zones[-1].low) * _ROOM
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    axis: Spec = {"grid": False, "format": "~r", "labelOverlap": True}
    x = value(
        "pairs",
        title="pairs of slices",
        scale={"domain": [0.5, pairs + 0.5], "nice": False},
        axis={"grid": False, "tickMinStep": 1},
    )
    y = value("ratio", scale=scale, title="ratio (logarithmic)", axis=axis)
    bands = [
        {"from": max(one.low, low), "to": min(one.high, high), "fill": f"var(--zone-{one.style})"}
        for one in zones
    ]
    background: Spec = {
        "data": {"values": bands},
        "mark": {"type": "rect", "x": 0, "x2": {"expr": "width"}},
        "encoding": {
            "y": value("from", scale=scale),
            "y2": {"field": "to"},
            "fill": {"field": "fill", "scale": None},
        },
    }
    bar: Spec = {"type": "rule", "stroke": marks.COLOURS["challenger"], "strokeWidth": 3}
    return [
        background,
        *marks.limit("y", 1.0, "1: equally fast", scale=scale),
        {
            "mark": bar,
            "encoding": {"x": x, "y": value("low", scale=scale), "y2": {"field": "high"}},
        },
        marks.points("challenger", x, y),
        marks.cursor("x", x),
    ]
