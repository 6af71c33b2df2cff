"""The pictures of the comparison: the interval against the rule, and the ratio pair by pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.analyse.series import by_pair
from dragstrip.report import html_figures as figures
from dragstrip.report import html_marks as marks
from dragstrip.report import words
from dragstrip.report.html_chart import Cell, Chart, Key, Stop, Table
from dragstrip.report.html_marks import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.analyse.model import Run, Verdict
    from dragstrip.report.html_chart import Spec


_FITS = "scale('x', datum.to) - scale('x', datum.from) > 8 * length(datum.label)"
"""The condition on a zone that its name fits into it; the legend says it in any case."""

_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def charts(run: Run, verdict: Verdict) -> list[Chart]:
    """Return the pictures; none of an invalid run, which compares nothing."""
    if verdict.verdict == "invalid":
        return []
    made = _per_pair(run, verdict)
    return [made] if made else []


def gauge(run: Run, verdict: Verdict) -> Chart | None:
    """Return the interval on a scale with the rule's zones; None where there is no interval."""
    if verdict.ratio is None or verdict.low is None or verdict.high is None:
        return None
    zones = _zones(run)
    ends = [verdict.low, verdict.high, zones[0]["to"], zones[-1]["from"]]
    low, high = min(ends) / 1.35, max(ends) * 1.35
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    axis: Spec = {"grid": False, "format": "~r", "values": _ticks(run), "labelOverlap": True}
    x = value("from", scale=scale, title=None, axis=axis)
    found = {"ratio": verdict.ratio, "low": verdict.low, "high": verdict.high}
    rows = [
        zone
        | {
            "from": max(zone["from"], low),
            "to": min(zone["to"], high),
            "middle": math.sqrt(max(zone["from"], low) * min(zone["to"], high)),
        }
        for zone in zones
    ]
    layers: list[Spec] = [
        {
            "mark": {
                "type": "rect",
                "stroke": marks.PAPER,
                "strokeWidth": 2,
                "y": 0,
                "y2": {"expr": "height"},
            },
            "encoding": {"x": x, "x2": {"field": "to"}, "fill": {"field": "fill", "scale": None}},
        },
        {
            "mark": {
                "type": "text",
                "y": {"expr": "height * 0.23"},
                "fill": marks.INK,
                "limit": 400,
            },
            "encoding": {
                "x": value("middle", scale=scale),
                "text": {"field": "label"},
                "opacity": {"condition": {"test": _FITS, "value": 1}, "value": 0},
            },
        },
        {
            "data": {"values": [found]},
            "mark": {
                "type": "rule",
                "strokeWidth": 5,
                "strokeCap": "round",
                "stroke": marks.INK,
                "y": {"expr": "height * 0.68"},
            },
            "encoding": {"x": value("low", scale=scale), "x2": {"field": "high"}},
        },
        {
            "data": {"values": [found]},
            "mark": {
                "type": "point",
                "shape": "diamond",
                "size": 190,
                "fill": marks.PAPER,
                "stroke": marks.INK,
                "strokeWidth": 3,
                "opacity": 1,
                "y": {"expr": "height * 0.68"},
            },
            "encoding": {"x": value("ratio", scale=scale)},
        },
    ]
    return Chart(
        id="gauge",
        title=f"{verdict.metric} of {run.challenger} divided by that of {run.baseline}",
        how_to_read="Left of 1 the challenger is faster. The bar is the 95 % interval, the diamond "
        "the ratio; the zones are the rule, which was written down before the run.",
        summary=f"{words.comparison(run, verdict)}.",
        spec=marks.picture(layers, rows, height=62),
        table=Table(
            ("ratio", "interval from", "to"),
            [tuple(figures.ratio(one) for one in (verdict.ratio, verdict.low, verdict.high))],
        ),
        stops=(
            Stop(
                verdict.ratio,
                f"{verdict.metric}, challenger/baseline",
                (
                    ("ratio", f"{verdict.ratio:.3f}"),
                    ("95 % interval", f"{verdict.low:.3f} to {verdict.high:.3f}"),
                ),
            ),
        ),
        legend=tuple(Key(f"zone-{zone['zone']}", zone["label"]) for zone in zones),
        is_wide=True,
    )


def _ticks(run: Run) -> list[float]:
    rules = run.config["rules"]
    return sorted({rules["adopt_ratio"], *rules["equivalent"], *_TICKS})


def _zones(run: Run) -> list[Spec]:
    rules = run.config["rules"]
    adopt, (low, high) = rules["adopt_ratio"], rules["equivalent"]
    ends = [
        ("adopt", 0.0, adopt, "good"),
        ("faster", adopt, low, "fair"),
        ("no practical difference", low, high, "same"),
        ("slower", high, math.inf, "bad"),
    ]
    return [
        {"label": label, "from": start, "to": end, "zone": zone, "fill": f"var(--zone-{zone})"}
        for label, start, end, zone in ends
        if start < end
    ]


def _per_pair(run: Run, verdict: Verdict) -> Chart | None:
    rows = list(_rows(run, verdict))
    if not rows:
        return None
    shown = [row["ratio"] for row in rows]
    low, high = marks.domain([*shown, verdict.low, verdict.high, 1.0])
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    y = value("ratio", scale=scale, title="ratio (logarithmic)", axis={"format": "~r"})
    zoom = (min(row["pair"] for row in rows) - 0.6, max(row["pair"] for row in rows) + 0.6)
    x = value(
        "pair", title="pair of slices", scale=marks.zoomed(), axis={"tickMinStep": 1, "grid": False}
    )
    layers: list[Spec] = []
    if verdict.low is not None and verdict.high is not None:
        layers.append(_interval(verdict, scale))
    layers += marks.limit("y", 1.0, "1: equally fast", scale=scale)
    layers.append(marks.cursor("x", x))
    stem: Spec = {"type": "rule", "stroke": marks.COLOURS["challenger"], "clip": True}
    layers.append({"mark": stem, "encoding": {"x": x, "y": y, "y2": {"datum": 1}}})
    layers.append(marks.points("challenger", x, y, size=110))
    return Chart(
        id="pairs",
        title=f"{verdict.metric}, pair by pair: {run.challenger} divided by {run.baseline}",
        how_to_read="In each pair both targets had the same lookups, one after the other. Below 1 "
        "the challenger was faster. The band is the 95 % interval of the ratio over all pairs.",
        summary=_summary(verdict, shown),
        spec=marks.picture(layers, rows, zoom=zoom),
        table=_table(run, verdict, rows),
        stops=tuple(_stop(run, verdict, row) for row in rows),
        zoom=zoom,
        legend=(
            Key("challenger", "ratio in a pair"),
            *((Key("band", "95 % interval over all pairs"),) if verdict.low is not None else ()),
        ),
    )


def _interval(verdict: Verdict, scale: Spec) -> Spec:
    return {
        "data": {"values": [{"low": verdict.low, "high": verdict.high}]},
        "mark": {
            "type": "rect",
            "fill": marks.INK,
            "opacity": 0.12,
            "x": 0,
            "x2": {"expr": "width"},
            "clip": True,
        },
        "encoding": {"y": value("low", scale=scale), "y2": {"field": "high"}},
    }


def _rows(run: Run, verdict: Verdict) -> Iterator[Spec]:
    """Yield the pairs in which both sides have the quantile, numbered from 1."""
    numbers = sorted({part.pair for part in run.slices})
    for i, (pair, baseline, challenger) in enumerate(
        zip(numbers, *by_pair(run, verdict.metric), strict=True)
    ):
        if math.isfinite(baseline) and math.isfinite(challenger) and min(baseline, challenger) > 0:
            yield {
                "i": i,
                "pair": pair + 1,
                "baseline": baseline,
                "challenger": challenger,
                "ratio": challenger / baseline,
            }


def _stop(run: Run, verdict: Verdict, row: Spec) -> Stop:
    return Stop(
        row["pair"],
        f"pair {row['pair']}: ratio {row['ratio']:.3f}",
        (
            (f"{run.baseline} {verdict.metric}", figures.ms(row["baseline"]).text),
            (f"{run.challenger} {verdict.metric}", figures.ms(row["challenger"]).text),
        ),
    )


def _table(run: Run, verdict: Verdict, rows: list[Spec]) -> Table:
    heads = ("pair", *(f"{name} {verdict.metric}" for name in figures.names(run)), "ratio")
    return Table(
        heads,
        [
            (
                Cell(str(row["pair"]), row["pair"]),
                figures.ms(row["baseline"]),
                figures.ms(row["challenger"]),
                figures.ratio(row["ratio"]),
            )
            for row in rows
        ],
    )


def _summary(verdict: Verdict, ratios: list[float]) -> str:
    faster = sum(one < 1 for one in ratios)
    said = f"The challenger was faster in {faster} of {len(ratios)} pairs"
    if verdict.ratio is None or verdict.low is None or verdict.high is None:
        return f"{said}; there is no interval."
    return (
        f"{said}. Over all pairs the ratio is {verdict.ratio:.3f}, 95 % interval "
        f"{verdict.low:.3f} to {verdict.high:.3f}."
    )
