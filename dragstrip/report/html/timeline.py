"""The pictures over time, response time and throughput, and what every picture of slices shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Key, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import Metric
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Slice

_TITLE = "time since the first slice (s)"


Columns = dict[str, "Callable[[Slice], Cell]"]
"""What a picture's table and cursor tell of a slice, by the heads."""


def slices(run: Run) -> list[Slice]:
    """Return the slices in the order they ran."""
    return sorted(run.slices, key=lambda one: one.index)


def side_of(run: Run, part: Slice) -> str:
    """Return whose slice it was: baseline or challenger."""
    return figures.side_of(run, part.target)


def spans(run: Run) -> list[tuple[float, float]]:
    """Return each slice's start and end in seconds since the first one's start."""
    parts = slices(run)
    first = parts[0].started
    return [
        ((one.started - first).total_seconds(), (one.ended - first).total_seconds())
        for one in parts
    ]


def rows(run: Run, of: Callable[[Slice], Spec]) -> list[Spec]:
    """Return a row for each slice, with what `of` says of it."""
    return [
        {"i": i, "from": start, "to": end, "at": (start + end) / 2, "side": side_of(run, part)}
        | of(part)
        for i, (part, (start, end)) in enumerate(zip(slices(run), spans(run), strict=True))
    ]


def zoom(run: Run) -> tuple[float, float]:
    """Return the whole time of the slices."""
    return 0.0, max(end for _, end in spans(run))


def x(field: str = "at") -> Spec:
    """Return the channel of the time."""
    return value(field, title=_TITLE, scale=marks.zoomed(), axis={"grid": False})


def shades() -> list[Spec]:
    """Return the slices as areas behind everything else, in the colours of the targets."""
    return [
        {
            "transform": [{"filter": f"datum.side === '{side}'"}],
            "mark": {
                "type": "rect",
                "fill": marks.COLOURS[side],
                "opacity": 0.09,
                "y": 0,
                "y2": {"expr": "height"},
                "clip": True,
            },
            "encoding": {"x": x("from"), "x2": {"field": "to"}},
        }
        for side in marks.SIDES
    ]


def title_of(run: Run, part: Slice) -> str:
    """Return a slice's name."""
    return f"pair {part.pair + 1}, {part.target} ({side_of(run, part)})"


def told(run: Run, columns: Columns) -> tuple[Table, tuple[ColourStop, ...]]:
    """Return the table of the slices, and the stops that tell the same of each."""
    table = Table(
        ("slice", *columns),
        [
            (Cell(title_of(run, part)), *(say(part) for say in columns.values()))
            for part in slices(run)
        ],
    )
    return table, table.stops((start + end) / 2 for start, end in spans(run))


def lines(y: Spec) -> list[Spec]:
    """Return each target's slices as points with a line through them."""
    made: list[Spec] = []
    for side in marks.SIDES:
        only = f"datum.side === '{side}'"
        line = marks.line(side, x(), y, strokeWidth=1.2, opacity=0.7)
        made += [line | {"transform": [{"filter": only}]}, marks.points(side, x(), y, only=only)]
    return made


def between(
    run: Run, what: str, of: Callable[[Slice], float | None], say: Callable[[float], Cell]
) -> str:
    """Return in words between which values each target's slices lay."""
    said = []
    for name in figures.names(run):
        known = [
            one for part in run.slices if part.target == name and (one := of(part)) is not None
        ]
        if known:
            said.append(f"{name} {say(min(known)).text} to {say(max(known)).text}")
    return f"{what} of the slices: {', '.join(said) or 'none'}."


def charts(run: Run) -> list[Chart]:
    """Return response time and throughput over time; none where no slice counts."""
    return [_response(run), _throughput(run)] if run.slices else []


_RESPONSE: Columns = {
    "p50": lambda part: figures.ms(part.p50_ms),
    "p95": lambda part: figures.ms(part.p95_ms),
    "p99": lambda part: figures.ms(part.p99_ms),
}


def _response(run: Run) -> Chart:
    """Return a point and a bar for each slice."""
    metric: Metric = run.config["rules"]["metric"]
    data = rows(
        run, lambda one: {"p50": one.p50_ms, "p99": one.p99_ms, "metric": one.quantile_ms(metric)}
    )
    whole = zoom(run)
    table, stops = told(run, _RESPONSE)
    return Chart(
        id="response",
        title="Response time over time",
        how_to_read=f"Each mark is one slice: the point is its {metric}, the bar reaches from p50 "
        "to p99. The background shows whose slice it was. Where both rise or fall at a time, it "
        "was the machine and not a target.",
        summary=between(run, metric, lambda one: one.quantile_ms(metric), figures.ms),
        spec=marks.picture(_response_layers(run, data), data, height=260, zoom=whole),
        table=table,
        stops=stops,
        zoom=whole,
        is_over_time=True,
        legend=figures.legend(run),
    )


def _response_layers(run: Run, rows: list[Spec]) -> list[Spec]:
    rules = run.config["rules"]
    low, high = marks.domain(row[name] for row in rows for name in ("p50", "metric", "p99"))
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    title = f"{rules['metric']} (ms, logarithmic)"
    return [
        *shades(),
        *(
            marks.bar(side, x(), value("p50", scale=scale, title=title), high)
            for side in marks.SIDES
        ),
        *lines(value("metric", scale=scale, title=title)),
        *marks.limit("y", rules["slo_ms"], "objective", scale=scale),
        marks.cursor("x", x()),
    ]


_THROUGHPUT: Columns = {
    "due per second": lambda part: figures.rate(part.offered_per_s),
    "achieved per second": lambda part: figures.rate(part.achieved_per_s),
    "requests": lambda part: figures.count(part.requests),
    "verified": lambda part: figures.count(part.verified),
}


def _throughput(run: Run) -> Chart:
    """Return what was due and what was achieved; in a closed model, nothing is due."""
    data = rows(run, lambda one: {"achieved": one.achieved_per_s, "offered": one.offered_per_s})
    whole = zoom(run)
    table, stops = told(run, _THROUGHPUT)
    due = () if run.closed_model else (Key("offered", "due per second"),)
    return Chart(
        id="throughput",
        title="Throughput over time",
        how_to_read="Each point is what one slice achieved."
        if run.closed_model
        else "Points are the requests sent in time; the thick line is what was due. A point below "
        "the line fell behind.",
        summary=between(run, "throughput", lambda one: one.achieved_per_s, figures.rate),
        spec=marks.picture(_throughput_layers(run, data), data, height=260, zoom=whole),
        table=table,
        stops=stops,
        zoom=whole,
        is_over_time=True,
        legend=(*figures.legend(run), *due),
    )


def _throughput_layers(run: Run, rows: list[Spec]) -> list[Spec]:
    top = max(max(row["achieved"], row["offered"]) for row in rows) * 1.1 or 1.0
    scale: Spec = {"domain": [0, top], "nice": False}
    title = "requests per second"
    offered: Spec = {
        "mark": {"type": "rect", "height": 3, "fill": marks.INK, "opacity": 0.75, "clip": True},
        "encoding": {
            "x": x("from"),
            "x2": {"field": "to"},
            "y": value("offered", scale=scale, title=title),
        },
    }
    return [
        *shades(),
        *([] if run.closed_model else [offered]),
        *lines(value("achieved", scale=scale, title=title)),
        marks.cursor("x", x()),
    ]
