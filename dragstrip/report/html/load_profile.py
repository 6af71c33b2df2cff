"""The picture of a load profile: the rate that was planned, and what each target was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Key, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import LoadStretch, Run

_TITLE = "time in the profile (s)"


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where the rate does not vary."""
    if not run.load:
        return []
    zoom = (run.load[0].from_s, run.load[-1].to_s)
    rows = [_row(run, i, part) for i, part in enumerate(run.load)]
    table = Table(
        (
            "stretch",
            "planned per second",
            *(f"sent per second, {one}" for one in figures.names(run)),
        ),
        [(Cell(_stretch(part)), *_cells(run, part)) for part in run.load],
    )
    made = Chart(
        id="load-profile",
        title="Load profile: planned and sent",
        how_to_read=f"The thick line is the rate of {run.config['race']['profile']}, the thin ones "
        "what each target was sent. Where arrivals come by chance they scatter around it; one that "
        "stays below fell behind.",
        summary=_summary(run),
        spec=marks.picture(_layers(rows), rows, height=220, zoom=zoom),
        table=table,
        stops=table.stops(row["at"] for row in rows),
        zoom=zoom,
        legend=(*figures.legend(run), Key("offered", "planned per second")),
    )
    return [made]


def _row(run: Run, i: int, part: LoadStretch) -> Spec:
    sent = {
        side: part.sent_per_s[name]
        for side, name in zip(marks.SIDES, figures.names(run), strict=True)
    }
    at_s = (part.from_s + part.to_s) / 2
    return {
        "i": i,
        "from": part.from_s,
        "to": part.to_s,
        "at": at_s,
        "planned": part.planned_per_s,
        **sent,
    }


def _layers(rows: list[Spec]) -> list[Spec]:
    top = max(max(row["planned"], *(row[side] for side in marks.SIDES)) for row in rows) * 1.1
    x = value("at", title=_TITLE, scale=marks.zoomed(), axis={"grid": False})
    scale: Spec = {"domain": [0, top or 1.0], "nice": False}
    title = "requests per second"
    planned: Spec = {
        "mark": {"type": "rect", "height": 3, "fill": marks.INK, "opacity": 0.75, "clip": True},
        "encoding": {
            "x": x | {"field": "from"},
            "x2": {"field": "to"},
            "y": value("planned", scale=scale, title=title),
        },
    }
    return [
        planned,
        *(
            marks.line(side, x, value(side, scale=scale, title=title), strokeWidth=1.4)
            for side in marks.SIDES
        ),
        marks.cursor("x", x),
    ]


def _stretch(part: LoadStretch) -> str:
    return f"{part.from_s:g} s to {part.to_s:g} s"


def _cells(run: Run, part: LoadStretch) -> tuple[Cell, ...]:
    rates = [part.planned_per_s, *(part.sent_per_s[name] for name in figures.names(run))]
    return tuple(map(figures.rate, rates))


def _summary(run: Run) -> str:
    planned = [part.planned_per_s for part in run.load]
    said = []
    for name in figures.names(run):
        sent = sum(part.sent_per_s[name] * (part.to_s - part.from_s) for part in run.load)
        due = sum(part.planned_per_s * (part.to_s - part.from_s) for part in run.load)
        said.append(f"{name} was sent {figures.share(sent / due if due else 0.0).text} of it")
    ends = f"{figures.rate(min(planned)).text} to {figures.rate(max(planned)).text}"
    return f"Planned: {ends}; {', '.join(said)}."
