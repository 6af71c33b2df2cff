"""The picture of throughput over time: what was due and what was achieved in each slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import timeline as over_time
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Chart, Key
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run

_COLUMNS: over_time.Columns = {
    "due per second": lambda part: figures.rate(part.offered_per_s),
    "achieved per second": lambda part: figures.rate(part.achieved_per_s),
    "lookups": lambda part: figures.count(part.due),
    "verified": lambda part: figures.count(part.verified),
}


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where no slice counts. In a closed model, nothing is due."""
    if not run.slices:
        return []
    rows = over_time.rows(
        run, lambda one: {"achieved": one.achieved_per_s, "offered": one.offered_per_s}
    )
    zoom = over_time.zoom(run)
    table, stops = over_time.told(run, _COLUMNS)
    due = () if run.closed_model else (Key("offered", "due per second"),)
    made = Chart(
        id="throughput",
        title="Throughput over time",
        how_to_read="Each point is what one slice achieved."
        if run.closed_model
        else "Points are the lookups sent in time; the thick line is what was due. A point below "
        "the line fell behind.",
        summary=over_time.between(run, "throughput", lambda one: one.achieved_per_s, figures.rate),
        spec=marks.picture(_layers(run, rows), rows, height=260, zoom=zoom),
        table=table,
        stops=stops,
        zoom=zoom,
        legend=(*figures.legend(run), *due),
    )
    return [made]


def _layers(run: Run, rows: list[Spec]) -> list[Spec]:
    top = max(max(row["achieved"], row["offered"]) for row in rows) * 1.1 or 1.0
    scale: Spec = {"domain": [0, top], "nice": False}
    title = "lookups per second"
    offered: Spec = {
        "mark": {"type": "rect", "height": 3, "fill": marks.INK, "opacity": 0.75, "clip": True},
        "encoding": {
            "x": over_time.x("from"),
            "x2": {"field": "to"},
            "y": value("offered", scale=scale, title=title),
        },
    }
    return [
        *over_time.shades(),
        *([] if run.closed_model else [offered]),
        *over_time.lines(value("achieved", scale=scale, title=title)),
        marks.cursor("x", over_time.x()),
    ]
