"""The two pictures of how long requests took: how many within a time, and how slow the slowest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Quantile, Run

_NINES = [0.0, 0.30103, 0.60206, 1.0, 1.30103, 2.0, 2.30103, 3.0]
"""-log10(1 - share) of p0, p50, p75, p90, p95, p99, p99.5 and p99.9."""
_PERCENTILE = "'p' + format(100 * (1 - pow(10, -datum.value)), '.4~g')"

Pairs = list[tuple["Quantile", "Quantile"]]


def charts(run: Run) -> list[Chart]:
    """Return both; none where nothing was counted."""
    baseline, challenger = (side.distribution for side in figures.sides(run))
    if not baseline or not challenger:
        return []
    pairs = list(zip(baseline, challenger, strict=True))
    return [_within(run, pairs), _slowest(run, pairs)]


def _rows(pairs: Pairs, top: float, bottom: float) -> list[Spec]:
    """Return a row for each share; an open end of a band is at the picture's edge."""
    return [
        {
            "i": i,
            "share": one[0].share,
            "nines": -math.log10(1 - one[0].share),
        }
        | {side: part.ms for side, part in zip(marks.SIDES, one, strict=True)}
        | {
            f"{side}_low": None if part.ms is None else part.low_ms or bottom
            for side, part in zip(marks.SIDES, one, strict=True)
        }
        | {
            f"{side}_high": None if part.ms is None else part.high_ms or top
            for side, part in zip(marks.SIDES, one, strict=True)
        }
        for i, one in enumerate(pairs)
    ]


def _domain(run: Run, pairs: Pairs) -> tuple[float, float]:
    ends = [end for side in figures.sides(run) for end in (side.low_ms, side.high_ms)]
    return marks.domain([*ends, *(part.ms for pair in pairs for part in pair)])


def _within(run: Run, pairs: Pairs) -> Chart:
    low, high = _domain(run, pairs)
    time: Spec = {"title": "response time (ms, logarithmic)", "scale": marks.zoomed(log=True)}
    part = value(
        "share",
        title="share of requests answered within",
        scale={"domain": [0, 1]},
        axis={"format": ".0%"},
    )
    layers = [marks.line(side, value(side, **time), part) for side in marks.SIDES]
    layers += marks.limit("x", run.config["rules"]["slo_ms"], "objective", scale=time["scale"])
    layers.append(marks.cursor("y", part))
    layers += [
        marks.points(side, value(side, **time), part, only=marks.AT_CURSOR) for side in marks.SIDES
    ]
    return Chart(
        id="within",
        title="How many requests were answered within a time",
        how_to_read=(
            "The further left and the steeper a line, the faster the target. Where a line stays "
            f"below 100 %, the rest failed. {_objective(run, low, high)}"
        ),
        summary=_within_summary(run),
        spec=marks.picture(layers, _rows(pairs, high, low), zoom=(low, high)),
        table=_table(run, pairs),
        stops=_stops(run, pairs, "share"),
        walk="y",
        zoom=(low, high),
        log=True,
        legend=figures.legend(run),
    )


def _objective(run: Run, low: float, high: float) -> str:
    slo_ms = run.config["rules"]["slo_ms"]
    where = "is dotted" if low <= slo_ms <= high else "lies outside of the picture"
    return f"The objective, {figures.ms(slo_ms).text}, {where}."


def _slowest(run: Run, pairs: Pairs) -> Chart:
    bottom, top = _domain(run, pairs)
    zoom = (_NINES[0], _NINES[-1] * 1.01)
    axis: Spec = {"values": _NINES, "labelExpr": _PERCENTILE}
    x = value("nines", title="percentile of requests", scale=marks.zoomed(), axis=axis)
    scale = {"type": "log", "domain": [bottom, top], "nice": False}
    title = "response time (ms, logarithmic)"
    layers: list[Spec] = [_band(side, x, scale, title) for side in marks.SIDES]
    layers += [marks.line(side, x, value(side, title=title, scale=scale)) for side in marks.SIDES]
    layers += marks.limit("y", run.config["rules"]["slo_ms"], "objective", scale=scale)
    layers.append(marks.cursor("x", x))
    layers += [
        marks.points(side, x, value(side, title=title, scale=scale), only=marks.AT_CURSOR)
        for side in marks.SIDES
    ]
    return Chart(
        id="slowest",
        title="How slow the slowest requests were",
        how_to_read=(
            "Each step to the right looks at fewer and slower requests: at p99, 99 of 100 were "
            "faster. The bands are 95 % intervals; where one reaches the edge of the picture, "
            f"there were too few requests to bound it. {_objective(run, bottom, top)}"
        ),
        summary=_slowest_summary(run, pairs),
        spec=marks.picture(layers, _rows(pairs, top, bottom), zoom=zoom),
        table=_table(run, pairs),
        stops=_stops(run, pairs, "nines"),
        zoom=zoom,
        legend=figures.legend(run),
    )


def _band(side: str, x: Spec, scale: Spec, title: str) -> Spec:
    return {
        "mark": {"type": "area", "fill": marks.COLOURS[side], "opacity": 0.18, "clip": True},
        "encoding": {
            "x": x,
            "y": value(f"{side}_low", title=title, scale=scale),
            "y2": {"field": f"{side}_high"},
        },
    }


def _stops(run: Run, pairs: Pairs, axis: str) -> tuple[ColourStop, ...]:
    made = []
    for pair in pairs:
        share = pair[0].share
        at = share if axis == "share" else -math.log10(1 - share)
        title = f"{figures.percentile(share)}: {share * 100:.4g} % answered within"
        values = [
            (name, _with_interval(part))
            for name, part in zip(figures.names(run), pair, strict=True)
        ]
        made.append(ColourStop(at, title, tuple(values)))
    return tuple(made)


def _with_interval(part: Quantile) -> str:
    if part.ms is None:
        return "it does not exist, as too many failed"
    low, high = figures.end_ms(part.low_ms).text, figures.end_ms(part.high_ms).text
    return f"{figures.ms(part.ms).text} ({low} to {high})"


def _table(run: Run, pairs: Pairs) -> Table:
    heads = ["percentile"]
    for name in figures.names(run):
        heads += [name, f"{name}: from", f"{name}: to"]
    rows = []
    for pair in pairs:
        cells = [Cell(figures.percentile(pair[0].share), pair[0].share)]
        for part in pair:
            cells += [
                figures.ms(part.ms),
                figures.end_ms(part.low_ms),
                figures.end_ms(part.high_ms),
            ]
        rows.append(tuple(cells))
    return Table(tuple(heads), rows)


def _within_summary(run: Run) -> str:
    said = [
        f"{name}: half of the requests within {figures.ms(side.p50_ms).text}, 95 of 100 within "
        f"{figures.ms(side.p95_ms).text}"
        for name, side in zip(figures.names(run), figures.sides(run), strict=True)
    ]
    return "; ".join(said) + "."


def _slowest_summary(run: Run, pairs: Pairs) -> str:
    last = pairs[-1]
    said = [
        f"{name}: p99 {figures.ms(side.p99_ms).text}, p99.9 {_with_interval(part)}"
        for name, side, part in zip(figures.names(run), figures.sides(run), last, strict=True)
    ]
    return "; ".join(said) + "."
