"""The pictures over time: response time, throughput and the generator's health, slice by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report import html_figures as figures
from dragstrip.report import html_marks as marks
from dragstrip.report.html_chart import Cell, Chart, Key, Stop, Table
from dragstrip.report.html_marks import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.analyse.model import Run, Slice
    from dragstrip.report.html_chart import Spec

_TITLE = "time since the first slice (s)"


def charts(run: Run) -> list[Chart]:
    """Return response time and throughput; none where no slice counts."""
    return [_response(run), _throughput(run)] if run.slices else []


def slices(run: Run) -> list[Slice]:
    """Return the slices in the order they ran."""
    return sorted(run.slices, key=lambda one: one.index)


def side_of(run: Run, part: Slice) -> str:
    """Return which target's turn it was: baseline or challenger."""
    return "baseline" if part.target == run.baseline else "challenger"


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


def _lines(y: Spec) -> list[Spec]:
    made: list[Spec] = []
    for side in marks.SIDES:
        only = f"datum.side === '{side}'"
        line = marks.line(side, x(), y, strokeWidth=1.2, opacity=0.7)
        made += [line | {"transform": [{"filter": only}]}, marks.points(side, x(), y, only=only)]
    return made


def _response(run: Run) -> Chart:
    metric = run.config["rules"]["metric"]
    found = rows(
        run,
        lambda one: {
            "p50": one.p50_ms,
            "p99": one.p99_ms,
            "metric": one.quantile_ms(metric),
        },
    )
    known = [row[name] for row in found for name in ("p50", "metric", "p99")]
    low, high = marks.domain(known)
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    title = f"{metric} (ms, logarithmic)"
    bars = [
        {
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
            "encoding": {
                "x": x(),
                "y": value("p50", scale=scale, title=title),
                "y2": {"field": "top"},
            },
        }
        for side in marks.SIDES
    ]
    layers: list[Spec] = [*shades(), *bars, *_lines(value("metric", scale=scale, title=title))]
    layers += marks.limit("y", run.config["rules"]["slo_ms"], "objective", scale=scale)
    layers.append(marks.cursor("x", x()))
    return Chart(
        id="response",
        title="Response time over time",
        how_to_read=f"Each mark is one slice: the point is its {metric}, the bar reaches from p50 "
        "to p99. The background shows whose turn it was. Where both rise or fall at a time, it was "
        "the machine and not a target.",
        summary=_range(run, metric, lambda one: one.quantile_ms(metric), figures.ms),
        spec=marks.picture(layers, found, height=260, zoom=zoom(run)),
        table=Table(
            ("slice", "p50", "p95", "p99"),
            [
                (Cell(title_of(run, one)), *map(figures.ms, (one.p50_ms, one.p95_ms, one.p99_ms)))
                for one in slices(run)
            ],
        ),
        stops=tuple(
            Stop(
                row["at"],
                title_of(run, one),
                (
                    ("p50", figures.ms(one.p50_ms).text),
                    ("p95", figures.ms(one.p95_ms).text),
                    ("p99", figures.ms(one.p99_ms).text),
                ),
            )
            for row, one in zip(found, slices(run), strict=True)
        ),
        zoom=zoom(run),
        legend=_legend(run),
    )


def _throughput(run: Run) -> Chart:
    found = rows(run, lambda one: {"achieved": one.achieved_per_s, "offered": one.offered_per_s})
    top = max(max(row["achieved"], row["offered"]) for row in found) * 1.1 or 1.0
    scale: Spec = {"domain": [0, top], "nice": False}
    title = "lookups per second"
    offered: Spec = {
        "mark": {"type": "rect", "height": 3, "fill": marks.INK, "opacity": 0.75, "clip": True},
        "encoding": {
            "x": x("from"),
            "x2": {"field": "to"},
            "y": value("offered", scale=scale, title=title),
        },
    }
    shown = [] if run.closed_model else [offered]
    y = value("achieved", scale=scale, title=title)
    layers: list[Spec] = [*shades(), *shown, *_lines(y), marks.cursor("x", x())]
    due = () if run.closed_model else (Key("offered", "due per second"),)
    told = (
        "Each point is what one slice achieved."
        if run.closed_model
        else "Points are the lookups sent in time; the dark line is what was due. A point below "
        "the line fell behind."
    )
    return Chart(
        id="throughput",
        title="Throughput over time",
        how_to_read=told,
        summary=_range(run, "throughput", lambda one: one.achieved_per_s, figures.rate),
        spec=marks.picture(layers, found, height=260, zoom=zoom(run)),
        table=Table(
            ("slice", "due per second", "achieved per second", "lookups", "verified"),
            [
                (
                    Cell(title_of(run, one)),
                    figures.rate(one.offered_per_s),
                    figures.rate(one.achieved_per_s),
                    figures.count(one.due),
                    figures.count(one.verified),
                )
                for one in slices(run)
            ],
        ),
        stops=tuple(
            Stop(
                row["at"],
                title_of(run, one),
                (
                    ("due", figures.rate(one.offered_per_s).text),
                    ("achieved", figures.rate(one.achieved_per_s).text),
                ),
            )
            for row, one in zip(found, slices(run), strict=True)
        ),
        zoom=zoom(run),
        legend=(*_legend(run), *due),
    )


def _legend(run: Run) -> tuple[Key, ...]:
    return tuple(
        Key(side, f"{name} ({side})")
        for side, name in zip(marks.SIDES, figures.names(run), strict=True)
    )


def _range(
    run: Run, what: str, of: Callable[[Slice], float | None], say: Callable[[float], Cell]
) -> str:
    said = []
    for name in figures.names(run):
        known = [
            one for part in run.slices if part.target == name and (one := of(part)) is not None
        ]
        if known:
            said.append(f"{name} {say(min(known)).text} to {say(max(known)).text}")
    return f"{what} of the slices: {', '.join(said) or 'none'}."
