"""The picture beside the verdict: the ratio's interval on a scale with the rule's zones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.operations import declared
from dragstrip.analysis.rule_checks import rules_of
from dragstrip.analysis.zones import zones
from dragstrip.report import text
from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Chart, ColourStop, Key, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.analysis.zones import Zone
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Verdict

_FITS = "scale('x', datum.to) - scale('x', datum.from) > 8 * length(datum.label)"
"""The condition on a zone that its name fits into it; the legend says it in any case."""

_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_ROOM = 1.35
"""How far the scale goes beyond the interval and the rule's limits."""
_INTERVAL_AT = {"expr": "height * 0.68"}


def charts(run: Run, verdict: Verdict) -> list[Chart]:
    """Return the picture; none where there is no interval."""
    shown = text.interval(verdict)
    if shown is None:
        return []
    made = chart(
        zones_of(run),
        shown,
        what=f"{declared(verdict)}, challenger/baseline",
        title=f"{declared(verdict)} of {run.challenger} divided by that of {run.baseline}",
        how_to_read="Left of 1 the challenger is faster. The bar is the 95 % interval, the diamond "
        "the ratio; the zones are the rule, which was written down before the run.",
        summary=f"{text.comparison(run, verdict)}.",
    )
    return [made]


def chart(
    parts: list[Zone],
    shown: tuple[float, float, float],
    *,
    what: str,
    title: str,
    how_to_read: str,
    summary: str,
) -> Chart:
    """Return the picture of (ratio, low, high) on a scale with zones in ascending order."""
    found = dict(zip(("ratio", "low", "high"), shown, strict=True))
    ratio, low, high = shown
    told = (("ratio", numbers.ratio(ratio)), ("95 % interval", numbers.ratios(low, high)))
    return Chart(
        id="gauge",
        title=title,
        how_to_read=how_to_read,
        summary=summary,
        spec=_spec(parts, found),
        table=Table(("ratio", "interval from", "to"), [tuple(map(figures.ratio, shown))]),
        stops=(ColourStop(ratio, what, told),),
        legend=tuple(Key(f"zone-{zone.style}", zone.label) for zone in parts),
        is_wide=True,
    )


def zones_of(run: Run) -> list[Zone]:
    """Return the rule's zones, from the fastest challenger to the slowest."""
    return zones(rules_of(run))


def _spec(parts: list[Zone], found: dict[str, float]) -> Spec:
    ends = [found["low"], found["high"], parts[0].high, parts[-1].low]
    first, last = min(ends) / _ROOM, max(ends) * _ROOM
    scale: Spec = {"type": "log", "domain": [first, last], "nice": False}
    rows = [_row(zone, first, last) for zone in parts]
    return marks.picture([*_background(parts, scale), *_interval(found, scale)], rows, height=62)


def _row(zone: Zone, first: float, last: float) -> Spec:
    low, high = max(zone.low, first), min(zone.high, last)
    return {
        "label": zone.label,
        "fill": f"var(--zone-{zone.style})",
        "from": low,
        "to": high,
        "middle": math.sqrt(low * high),
    }


def _background(parts: list[Zone], scale: Spec) -> list[Spec]:
    """Return the zones and their names."""
    ticks = sorted({*(zone.low for zone in parts[1:]), *_TICKS})
    axis: Spec = {"grid": False, "format": ".3~r", "values": ticks, "labelOverlap": True}
    zone: Spec = {"type": "rect", "stroke": marks.PAPER, "strokeWidth": 2}
    name: Spec = {"type": "text", "y": {"expr": "height * 0.23"}, "fill": marks.INK, "limit": 400}
    return [
        {
            "mark": zone | {"y": 0, "y2": {"expr": "height"}},
            "encoding": {
                "x": value("from", scale=scale, title=None, axis=axis),
                "x2": {"field": "to"},
                "fill": {"field": "fill", "scale": None},
            },
        },
        {
            "mark": name,
            "encoding": {
                "x": value("middle", scale=scale),
                "text": {"field": "label"},
                "opacity": marks.seen_where(_FITS),
            },
        },
    ]


def _interval(found: dict[str, float], scale: Spec) -> list[Spec]:
    """Return the bar and the diamond in it."""
    bar: Spec = {"type": "rule", "strokeWidth": 5, "strokeCap": "round", "stroke": marks.INK}
    diamond: Spec = {
        "type": "point",
        "shape": "diamond",
        "size": 190,
        "fill": marks.PAPER,
        "stroke": marks.INK,
        "strokeWidth": 3,
        "opacity": 1,
    }
    return [
        {
            "data": {"values": [found]},
            "mark": bar | {"y": _INTERVAL_AT},
            "encoding": {"x": value("low", scale=scale), "x2": {"field": "high"}},
        },
        {
            "data": {"values": [found]},
            "mark": diamond | {"y": _INTERVAL_AT},
            "encoding": {"x": value("ratio", scale=scale)},
        },
    ]
