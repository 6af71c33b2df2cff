"""A stored search as one HTML file: what each target carries, and the curve on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report import capacity as words
from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Table
from dragstrip.report.html.page import page
from dragstrip.report.html.vega import value
from dragstrip.report.text import LAB_BANNER

if TYPE_CHECKING:
    from dragstrip.analysis.capacity_model import Capacity, CapacitySlice
    from dragstrip.report.html.chart import Spec

_LOOKS = {"more": "better", "less": "worse"}
"""The style sheet's name of a verdict, where it is another."""
_ROOM = 1.4
"""Above the objective, for its name."""
_HEADS = ("slice", "rate", "p50", "p95", "p99", "failed", "outcome")


def render(found: Capacity) -> str:
    """Return the whole page. Raises StorageError when the charts' library is not installed."""
    pictures = charts(found)
    return page(
        "capacity.html.j2",
        pictures,
        found=found,
        look=_LOOKS.get(found.verdict, found.verdict),
        words=words,
        banner_text=LAB_BANNER,
        charts=pictures,
        command="capacity",
        over="The curve",
    )


def charts(found: Capacity) -> list[Chart]:
    """Return the curve and the failures along it; none before a slice that decides."""
    return [_response(found), _errors(found)] if _curve(found) else []


def _curve(found: Capacity) -> list[CapacitySlice]:
    """Return the slices that decide, by rate."""
    decide = [one for one in found.slices if one.phase == "search" and one.outcome != "void"]
    return sorted(decide, key=lambda one: one.rate_per_s)


def _response(found: Capacity) -> Chart:
    metric = found.objective.metric
    rows = [
        {
            "p50": one.p50_ms,
            "metric": one.quantile_ms(metric),
            "p99": one.p99_ms,
            **_place(found, number, one),
        }
        for number, one in enumerate(_curve(found))
    ]
    times = [row[name] for row in rows for name in ("p50", "metric", "p99")]
    low, high = marks.domain([*times, found.objective.slo_ms])
    scale: Spec = {"type": "log", "domain": [low, _ROOM * high], "nice": False}
    y = value("metric", scale=scale, title=f"{metric} (ms, logarithmic)")
    layers = [
        *(marks.bar(side, _x(), value("p50", scale=scale), _ROOM * high) for side in marks.SIDES),
        *_points(y),
        *marks.limit("y", found.objective.slo_ms, "objective", scale=scale),
    ]
    return _chart(
        found,
        "response",
        "Response time against rate",
        f"Each mark is one slice: the point is its {metric}, the bar reaches from p50 to p99; a "
        "bar to the top without a point says that too many requests failed. A shaded stretch is "
        "the interval of a target's capacity, the line in it the estimate.",
        layers,
        rows,
    )


def _errors(found: Capacity) -> Chart:
    rows = [
        {"failed": 100 * _failed(one), **_place(found, number, one)}
        for number, one in enumerate(_curve(found))
    ]
    y = value("failed", scale={"domain": [0, 100]}, title="failed requests (%)")
    return _chart(
        found,
        "errors",
        "Failed requests against rate",
        "Each mark is one slice. Requests that an ended slice left unsent count as failed.",
        _points(y),
        rows,
    )


def _place(found: Capacity, number: int, one: CapacitySlice) -> Spec:
    return {"i": number, "side": figures.side_of(found, one.target), "rate": one.rate_per_s}


def _failed(one: CapacitySlice) -> float:
    return (one.requests - one.verified) / one.requests if one.requests else 0.0


def _chart(
    found: Capacity, name: str, title: str, how_to_read: str, layers: list[Spec], rows: list[Spec]
) -> Chart:
    ends = [
        end
        for one in found.targets.values()
        for end in (one.low, one.capacity_per_s, one.high)
        if end
    ]
    whole = marks.domain([*(one["rate"] for one in rows), *ends])
    table = Table(_HEADS, [_cells(one) for one in _curve(found)])
    return Chart(
        id=name,
        title=title,
        how_to_read=how_to_read,
        summary=" ".join(words.sentences(found)),
        spec=marks.picture(
            [*_intervals(found, whole), *layers, marks.cursor("x", _x())], rows, zoom=whole
        ),
        table=table,
        stops=table.stops(one["rate"] for one in rows),
        zoom=whole,
        log=True,
        legend=figures.legend(found),
        is_wide=True,
    )


def _cells(one: CapacitySlice) -> tuple[Cell, ...]:
    return (
        Cell(f"round {one.round + 1}, {one.target}"),
        figures.rate(one.rate_per_s),
        *map(figures.ms, (one.p50_ms, one.p95_ms, one.p99_ms)),
        figures.share(_failed(one)),
        Cell(one.outcome),
    )


def _x(field: str = "rate") -> Spec:
    return value(field, title="requests per second (logarithmic)", scale=marks.zoomed(log=True))


def _points(y: Spec) -> list[Spec]:
    return marks.points_of_both(_x(), y)


def _intervals(found: Capacity, whole: tuple[float, float]) -> list[Spec]:
    made: list[Spec] = []
    for side, name in zip(marks.SIDES, (found.baseline, found.challenger), strict=True):
        one = found.targets[name]
        if one.capacity_per_s is None:
            continue
        ends = {"low": one.low or whole[0], "high": one.high or whole[1], "at": one.capacity_per_s}
        colour = marks.COLOURS[side]
        made += [
            {
                "data": {"values": [ends]},
                "mark": {
                    "type": "rect",
                    "fill": colour,
                    "opacity": 0.14,
                    "y": 0,
                    "y2": {"expr": "height"},
                    "clip": True,
                },
                "encoding": {"x": _x("low"), "x2": {"field": "high"}},
            },
            {
                "data": {"values": [ends]},
                "mark": {
                    "type": "rule",
                    "stroke": colour,
                    "strokeDash": marks.DASHES[side],
                    "strokeWidth": 2,
                    "clip": True,
                },
                "encoding": {"x": _x("at")},
            },
        ]
    return made
