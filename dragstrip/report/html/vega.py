"""Parts of Vega-Lite specifications that several pictures share.

Colours are the style sheet's variables, so that light, dark and print need no drawing anew. The
targets differ in colour, dash and shape: colour alone tells some readers nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dragstrip.report.html.chart import Spec

INK, SOFT, GRID, PAPER = "var(--ink)", "var(--soft)", "var(--grid)", "var(--paper)"
COLOURS = {"baseline": "var(--baseline)", "challenger": "var(--challenger)"}
DASHES: dict[str, list[int]] = {"baseline": [], "challenger": [7, 3]}
SHAPES = {"baseline": "circle", "challenger": "diamond"}
SIDES = ("baseline", "challenger")

AT_CURSOR = "datum.i === cursor"
"""The condition on a row that the cursor is at its stop."""

_LABEL_PX = 70
_ROOM = 1.15
"""How far beyond its values a logarithmic axis goes."""

THEME: Spec = {
    "background": None,
    "padding": {"left": 4, "right": 12, "top": 8, "bottom": 4},
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "aria": False,
    "axis": {
        "labelColor": SOFT,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "gridColor": GRID,
        "gridOpacity": 0.7,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelOverlap": "greedy",
    },
    "text": {"fill": SOFT, "fontSize": 12},
    "rule": {"stroke": SOFT},
}


def picture(
    layers: Sequence[Spec],
    rows: Sequence[Spec],
    *,
    height: int = 280,
    zoom: tuple[float, float] | None = None,
) -> Spec:
    """Return a whole specification; with `zoom`, its parameters are the horizontal domain."""
    params: list[Spec] = [{"name": "cursor", "value": -1}]
    if zoom:
        params += [{"name": "low", "value": zoom[0]}, {"name": "high", "value": zoom[1]}]
    return {
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "params": params,
        "data": {"values": list(rows)},
        "layer": list(layers),
    }


def value(field: str, **more: Any) -> Spec:
    """Return a channel that shows a number."""
    return {"field": field, "type": "quantitative", **more}


def zoomed(*, log: bool = False) -> Spec:
    """Return the scale of a horizontal axis that can be narrowed."""
    scale: Spec = {"domainMin": {"expr": "low"}, "domainMax": {"expr": "high"}, "nice": False}
    return scale | ({"type": "log"} if log else {"zero": False})


def line(side: str, x: Spec, y: Spec, **mark: Any) -> Spec:
    """Return a target's line, in the order of the rows."""
    style = {"type": "line", "stroke": COLOURS[side], "strokeWidth": 2.5, "clip": True}
    return {
        "mark": style | {"strokeDash": DASHES[side]} | mark,
        "encoding": {"x": x, "y": y, "order": {"field": "i"}},
    }


def points(side: str, x: Spec, y: Spec, *, only: str | None = None, **mark: Any) -> Spec:
    """Return a target's points; `only` is a condition on the row.

    A row that does not meet it is there and not seen: without a row, an axis has no extent.
    """
    style = {
        "type": "point",
        "shape": SHAPES[side],
        "fill": COLOURS[side],
        "stroke": PAPER,
        "strokeWidth": 1,
        "opacity": 1,
        "size": 70,
        "clip": True,
    }
    encoding = {"x": x, "y": y} | ({"opacity": seen_where(only)} if only else {})
    return {"mark": style | mark, "encoding": encoding}


def points_of_both(x: Spec, y: Spec, **mark: Any) -> list[Spec]:
    """Return the points of both targets, of rows that say whose each is."""
    return [points(side, x, y, only=f"datum.side === '{side}'", **mark) for side in SIDES]


def bar(side: str, x: Spec, y: Spec, high: float) -> Spec:
    """Return the bars from p50 to p99, or to the edge where so many failed that there is none."""
    return {
        "transform": [
            {"filter": f"datum.side === '{side}' && isValid(datum.p50)"},
            {"calculate": f"isValid(datum.p99) ? datum.p99 : {high}", "as": "top"},
        ],
        "mark": {
            "type": "rule",
            "stroke": COLOURS[side],
            "strokeWidth": 2,
            "opacity": 0.55,
            "clip": True,
        },
        "encoding": {"x": x, "y": y, "y2": {"field": "top"}},
    }


def cursor(axis: str, channel: Spec) -> Spec:
    """Return the line through the stop that the cursor is at, across the given axis."""
    return {
        "mark": {"type": "rule", "stroke": INK, "strokeDash": [2, 2], "clip": True},
        "encoding": {axis: channel, "opacity": seen_where(AT_CURSOR)},
    }


def seen_where(test: str) -> Spec:
    """Return the channel of an opacity that hides the rows that do not meet a condition."""
    return {"condition": {"test": test, "value": 1}, "value": 0}


def limit(
    axis: str, at: float, label: str, *, scale: Spec | None = None, **text: Any
) -> list[Spec]:
    """Return a line at a limit, with its name."""
    channel: Spec = {"datum": at, "type": "quantitative"} | ({"scale": scale} if scale else {})
    near_the_edge = f"scale('x', {at}) > width - {_LABEL_PX}"
    place: Spec = {
        "align": {"expr": f"{near_the_edge} ? 'right' : 'left'"},
        "dx": {"expr": f"{near_the_edge} ? -5 : 5"},
        "baseline": "top",
        "y": 3,
    }
    if axis == "y":
        place = {"align": "right", "x": {"expr": "width"}, "dx": -4, "baseline": "bottom", "dy": -3}
    return [
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "stroke": INK, "strokeDash": [1, 3], "clip": True},
            "encoding": {axis: channel},
        },
        {
            "data": {"values": [{}]},
            "mark": {"type": "text", "text": label, "clip": True, **place, **text},
            "encoding": {axis: channel},
        },
    ]


def domain(values: Iterable[float | None]) -> tuple[float, float]:
    """Return a logarithmic axis's ends around the positive values; 0.1 to 10 of none."""
    there = [one for one in values if one is not None and one > 0 and math.isfinite(one)]
    if not there:
        return 0.1, 10.0
    return min(there) / _ROOM, max(there) * _ROOM
