"""A folder of runs as one HTML file: every verdict, the trend, and the searches beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.operations import declared
from dragstrip.report import capacity, history
from dragstrip.report.html import vega as marks
from dragstrip.report.html.cells import ms, ratio
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Key, Table
from dragstrip.report.html.page import page
from dragstrip.report.html.vega import value
from dragstrip.report.text import LAB_BANNER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragstrip.analysis.capacity_model import Capacity
    from dragstrip.analysis.history import History, Moment
    from dragstrip.report.html.chart import Spec

_X = "run, oldest first"
Ends = tuple[float, float, float]
"""A value with the ends of its interval."""


def render(found: Sequence[History], searches: Sequence[Capacity], links: Mapping[str, str]) -> str:
    """Return the whole page. Raises StorageError when the charts' library is not installed.

    `found` are histories of one or two targets over the same runs. `links` are the places of
    reports, by the id of the run or search.
    """
    charts = [one for one in (_ratios(found[0]), _values(found)) if one]
    runs = found[0].runs
    return page(
        "history.html.j2",
        charts,
        charts=charts,
        found=found,
        rows=list(zip(*(one.runs for one in found), strict=True)),
        words=history,
        capacity=capacity,
        declared=declared,
        numbers=numbers,
        searches=searches,
        links=links,
        lab=any([*(one.lab for one in runs), *(one.lab for one in searches)]),
        banner_text=LAB_BANNER,
    )


def _ratios(found: History) -> Chart | None:
    """Return the ratio of each run with its interval; None where no run has one to show."""
    shown = {
        n: (one.ratio, one.low, one.high)
        for n, one in enumerate(found.runs, 1)
        if one.ratio is not None and one.low is not None and one.high is not None
        if not numbers.unsaid(one.low, one.high, one.pairs)
    }
    if not shown:
        return None
    rows = [_row(i, n, "challenger", ends) for i, (n, ends) in enumerate(shown.items())]
    layers = [*_layers("challenger", rows, "ratio (logarithmic)")]
    table = Table(
        ("run", "ratio", "from", "to"),
        [(Cell(found.runs[n - 1].run), *map(ratio, ends)) for n, ends in shown.items()],
    )
    newest = found.runs[max(shown) - 1]
    scale = layers[0]["encoding"]["y"]["scale"]
    return Chart(
        id="ratios",
        title="Ratio of each run, challenger divided by baseline",
        how_to_read="Below 1 the challenger was faster. Each bar is the 95 % interval of a run; "
        "invalid runs have none. Runs may differ in metric and conditions; the table says so.",
        summary=f"{len(shown)} of {len(found.runs)} runs have a ratio; the newest, {newest.run}, "
        f"{numbers.ratio_within(*shown[max(shown)])}.",
        spec=marks.picture(
            [*marks.limit("y", 1.0, "1: equally fast", scale=scale), *layers],
            rows,
            zoom=_zoom(found),
        ),
        table=table,
        stops=tuple(
            _stop(found.runs[n - 1], n, (("ratio", numbers.ratio_within(*ends)),))
            for n, ends in shown.items()
        ),
        zoom=_zoom(found),
        legend=(Key("challenger", "ratio with its 95 % interval"),),
    )


def _values(found: Sequence[History]) -> Chart | None:
    """Return the targets' quantile in a typical slice; None where no run has one."""
    sides = dict(zip(marks.SIDES, found, strict=False))
    rows: list[Spec] = []
    table: list[tuple[Cell, ...]] = []
    for side, one in sides.items():
        for n, moment in enumerate(one.runs, 1):
            ends = (moment.value_ms, moment.low_ms, moment.high_ms)
            if None not in ends:
                rows.append(_row(len(rows), n, side, ends))  # type: ignore[arg-type]
                table.append((Cell(moment.run), Cell(one.target), *map(ms, ends)))
    if not rows:
        return None
    metric = declared(found[0])
    layers = [
        layer for side in sides for layer in _layers(side, rows, f"{metric} (ms, logarithmic)")
    ]
    return Chart(
        id="values",
        title=f"{metric} of each run",
        how_to_read="Each point is the quantile in a typical slice of a run, the bar its 95 % "
        "interval. Intervals that do not overlap are a hint; dragstrip compare decides.",
        summary="; ".join(
            f"{one.target} in {sum(m.value_ms is not None for m in one.runs)} of "
            f"{len(one.runs)} runs"
            for one in found
        )
        + ".",
        spec=marks.picture(layers, rows, zoom=_zoom(found[0])),
        table=Table(("run", "target", metric, "from", "to"), table),
        stops=tuple(
            _stop(
                found[0].runs[row["run"] - 1],
                row["run"],
                ((cells[1].text, _told(cells)),),
            )
            for row, cells in zip(rows, table, strict=True)
        ),
        zoom=_zoom(found[0]),
        legend=tuple(Key(side, one.target) for side, one in sides.items()),
    )


def _told(cells: tuple[Cell, ...]) -> str:
    return f"{cells[2].text} ({cells[3].text} to {cells[4].text})"


def _zoom(found: History) -> tuple[float, float]:
    return 0.5, len(found.runs) + 0.5


def _row(i: int, n: int, side: str, ends: Ends) -> Spec:
    middle, low, high = ends
    return {"i": i, "run": n, "side": side, "value": middle, "low": low, "high": high}


def _stop(one: Moment, n: int, values: tuple[tuple[str, str], ...]) -> ColourStop:
    verdict = ("verdict", one.verdict.upper())
    return ColourStop(n, f"{one.run}, {one.started:%Y-%m-%d %H:%M} UTC", (*values, verdict))


def _layers(side: str, rows: Sequence[Spec], title: str) -> list[Spec]:
    ends = [row[end] for row in rows for end in ("low", "high")]
    low, high = marks.domain([*ends, *([1.0] if title.startswith("ratio") else [])])
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    x = value("run", title=_X, scale=marks.zoomed(), axis={"grid": False, "tickMinStep": 1})
    y = value("value", title=title, scale=scale)
    only = f"datum.side === '{side}'"
    bar: Spec = {
        "transform": [{"filter": only}],
        "mark": {"type": "rule", "stroke": marks.COLOURS[side], "strokeWidth": 2, "clip": True},
        "encoding": {"x": x, "y": value("low", title=title, scale=scale), "y2": {"field": "high"}},
    }
    line = marks.line(side, x, y, strokeWidth=1.2, opacity=0.7)
    return [
        bar,
        line | {"transform": [{"filter": only}]},
        marks.points(side, x, y, only=only),
        marks.cursor("x", x),
    ]
