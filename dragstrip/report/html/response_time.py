"""The picture of response time over time: a point and a bar for each slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import timeline as over_time
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Chart
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.config.config import Metric
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run

_COLUMNS: over_time.Columns = {
    "p50": lambda part: figures.ms(part.p50_ms),
    "p95": lambda part: figures.ms(part.p95_ms),
    "p99": lambda part: figures.ms(part.p99_ms),
}


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where no slice counts."""
    if not run.slices:
        return []
    metric: Metric = run.config["rules"]["metric"]
    rows = over_time.rows(
        run, lambda one: {"p50": one.p50_ms, "p99": one.p99_ms, "metric": one.quantile_ms(metric)}
    )
    zoom = over_time.zoom(run)
    table, stops = over_time.told(run, _COLUMNS)
    made = Chart(
        id="response",
        title="Response time over time",
        how_to_read=f"Each mark is one slice: the point is its {metric}, the bar reaches from p50 "
        "to p99. The background shows whose turn it was. Where both rise or fall at a time, it was "
        "the machine and not a target.",
        summary=over_time.between(run, metric, lambda one: one.quantile_ms(metric), figures.ms),
        spec=marks.picture(_layers(run, rows), rows, height=260, zoom=zoom),
        table=table,
        stops=stops,
        zoom=zoom,
        legend=figures.legend(run),
    )
    return [made]


def _layers(run: Run, rows: list[Spec]) -> list[Spec]:
    rules = run.config["rules"]
    low, high = marks.domain(row[name] for row in rows for name in ("p50", "metric", "p99"))
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    title = f"{rules['metric']} (ms, logarithmic)"
    return [
        *over_time.shades(),
        *(_bar(side, value("p50", scale=scale, title=title), high) for side in marks.SIDES),
        *over_time.lines(value("metric", scale=scale, title=title)),
        *marks.limit("y", rules["slo_ms"], "objective", scale=scale),
        marks.cursor("x", over_time.x()),
    ]


def _bar(side: str, y: Spec, high: float) -> Spec:
    """Return the bars from p50 to p99, or to the edge where so many failed that there is none."""
    return {
        "transform": [
            {"filter": f"datum.side === '{side}' && isValid(datum.p50)"},
            {"calculate": f"isValid(datum.p99) ? datum.p99 : {high}", "as": "top"},
        ],
        "mark": {
            "type": "rule",
            "stroke": marks.COLOURS[side],
            "strokeWidth": 2,
            "opacity": 0.55,
            "clip": True,
        },
        "encoding": {"x": over_time.x(), "y": y, "y2": {"field": "top"}},
    }
