"""The picture of the comparison: the ratio pair by pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.operations import declared, only
from dragstrip.analysis.paired_values import by_pair
from dragstrip.report import text
from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Key, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Verdict


def charts(run: Run, verdict: Verdict) -> list[Chart]:
    """Return the picture; none of an invalid run, which compares nothing."""
    rows = list(_rows(run, verdict)) if verdict.compares else []
    if not rows:
        return []
    zoom = (rows[0]["pair"] - 0.6, rows[-1]["pair"] + 0.6)
    made = Chart(
        id="pairs",
        title=f"{declared(verdict)}, pair by pair: {run.challenger} divided by {run.baseline}",
        how_to_read="In each pair both targets had the same requests, one after the other. Below 1 "
        "the challenger was faster. The band is the 95 % interval of the ratio over all pairs.",
        summary=_summary(verdict, [row["ratio"] for row in rows]),
        spec=marks.picture(_layers(verdict, rows), rows, zoom=zoom),
        table=_table(run, verdict, rows),
        stops=tuple(_stop(run, verdict, row) for row in rows),
        zoom=zoom,
        legend=(
            Key("challenger", "ratio in a pair"),
            *((Key("band", "95 % interval over all pairs"),) if text.interval(verdict) else ()),
        ),
    )
    return [made]


def _layers(verdict: Verdict, rows: list[Spec]) -> list[Spec]:
    shown = [row["ratio"] for row in rows]
    found = text.interval(verdict)
    low, high = marks.domain([*shown, *(found or ()), 1.0])
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    y = value("ratio", scale=scale, title="ratio (logarithmic)", axis={"format": "~r"})
    axis: Spec = {"tickMinStep": 1, "grid": False}
    x = value("pair", title="pair of slices", scale=marks.zoomed(), axis=axis)
    stem: Spec = {"type": "rule", "stroke": marks.COLOURS["challenger"], "clip": True}
    return [
        *([_interval(found, scale)] if found else []),
        *marks.limit("y", 1.0, "1: equally fast", scale=scale),
        marks.cursor("x", x),
        {"mark": stem, "encoding": {"x": x, "y": y, "y2": {"datum": 1}}},
        marks.points("challenger", x, y, size=110),
    ]


def _interval(found: tuple[float, float, float], scale: Spec) -> Spec:
    _, low, high = found
    return {
        "data": {"values": [{"low": low, "high": high}]},
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
    sides = by_pair(only(run, verdict.operation), verdict.metric)
    whole = (
        (pair, baseline, challenger)
        for pair, baseline, challenger in zip(numbers, *sides, strict=True)
        if math.isfinite(baseline) and math.isfinite(challenger) and min(baseline, challenger) > 0
    )
    for i, (pair, baseline, challenger) in enumerate(whole):
        yield {
            "i": i,
            "pair": pair + 1,
            "baseline": baseline,
            "challenger": challenger,
            "ratio": challenger / baseline,
        }


def _stop(run: Run, verdict: Verdict, row: Spec) -> ColourStop:
    return ColourStop(
        row["pair"],
        f"pair {row['pair']}: ratio {numbers.ratio(row['ratio'])}",
        (
            (f"{run.baseline} {declared(verdict)}", figures.ms(row["baseline"]).text),
            (f"{run.challenger} {declared(verdict)}", figures.ms(row["challenger"]).text),
        ),
    )


def _table(run: Run, verdict: Verdict, rows: list[Spec]) -> Table:
    heads = ("pair", *(f"{name} {declared(verdict)}" for name in figures.names(run)), "ratio")
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
    found = text.interval(verdict)
    if found is None:
        return f"{said}; there is no interval to show."
    ratio, low, high = found
    return (
        f"{said}. Over all pairs the ratio is {numbers.ratio(ratio)}, 95 % interval "
        f"{numbers.ratios(low, high)}."
    )
