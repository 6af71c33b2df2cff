"""A stored soak as one HTML file: each figure of each target over the hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.soak import value_of
from dragstrip.report import soak as words
from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Table
from dragstrip.report.html.page import page
from dragstrip.report.html.vega import value
from dragstrip.report.text import LAB_BANNER

if TYPE_CHECKING:
    from dragstrip.analysis.soak_model import Soak, SoakFigure, SoakWindow
    from dragstrip.report.html.chart import Spec

_LOOKS = {"steady": "better", "degrades": "worse"}
"""The style sheet's name of a verdict, where it is another."""
_HEADS = ("window", "p50", "p95", "p99", "failed", "opened")


def render(found: Soak) -> str:
    """Return the whole page. Raises StorageError when the charts' library is not installed."""
    charts = []
    if found.windows:
        charts = [_response(found), _share(found, "errors"), _share(found, "connections")]
    return page(
        "capacity.html.j2",
        charts,
        found=found,
        look=_LOOKS.get(found.verdict, found.verdict),
        words=words,
        banner_text=LAB_BANNER,
        charts=charts,
        command="soak",
        over="Over the hours",
    )


def _rows(found: Soak, figure: SoakFigure) -> list[Spec]:
    return [
        {
            "i": i,
            "at": _minutes(found, one),
            "side": figures.side_of(found, one.target),
            "p50": one.p50_ms,
            "p99": one.p99_ms,
            "figure": one.quantile_ms(found.metric)
            if figure == found.metric
            else 100 * value_of(one, figure),
        }
        for i, one in enumerate(found.windows)
    ]


def _minutes(found: Soak, one: SoakWindow) -> float:
    return (one.started - found.windows[0].started).total_seconds() / 60


def _response(found: Soak) -> Chart:
    rows = _rows(found, found.metric)
    low, high = marks.domain(row[name] for row in rows for name in ("p50", "figure", "p99"))
    scale: Spec = {"type": "log", "domain": [low, high], "nice": False}
    y = value("figure", scale=scale, title=f"{found.metric} (ms, logarithmic)")
    bars = [marks.bar(side, _x(), value("p50", scale=scale), high) for side in marks.SIDES]
    return _chart(
        found,
        "response",
        "Response time",
        f"Each mark is one window: its {found.metric}, and a bar from p50 to p99.",
        [*bars, *_points(y)],
        rows,
    )


def _share(found: Soak, figure: SoakFigure) -> Chart:
    title, what = {
        "errors": ("Failed requests", "failed requests (%)"),
        "connections": ("Connections opened", "opened, of the requests (%)"),
    }[figure]
    rows = _rows(found, figure)
    top = max(1.0, *(1.1 * row["figure"] for row in rows))
    y = value("figure", scale={"domain": [0, top], "nice": False}, title=what)
    return _chart(found, figure, title, "Each mark is one window.", _points(y), rows)


def _chart(
    found: Soak, name: str, title: str, how_to_read: str, layers: list[Spec], rows: list[Spec]
) -> Chart:
    zoom = (0.0, max(_minutes(found, found.windows[-1]), 1e-3))
    table = Table(_HEADS, [_cells(one) for one in found.windows])
    return Chart(
        id=name,
        title=title,
        how_to_read=how_to_read,
        summary=" ".join(words.sentence(found, name) for name in found.targets),
        spec=marks.picture([*layers, marks.cursor("x", _x())], rows, height=220, zoom=zoom),
        table=table,
        stops=table.stops(row["at"] for row in rows),
        zoom=zoom,
        legend=figures.legend(found),
        is_wide=True,
    )


def _cells(one: SoakWindow) -> tuple[Cell, ...]:
    void = " (void)" if one.void else ""
    return (
        Cell(f"window {one.index + 1}, {one.target}{void}"),
        *map(figures.ms, (one.p50_ms, one.p95_ms, one.p99_ms)),
        figures.share(value_of(one, "errors")),
        figures.share(value_of(one, "connections")),
    )


def _x() -> Spec:
    return value("at", title="minutes since the first window", scale=marks.zoomed())


def _points(y: Spec) -> list[Spec]:
    return marks.points_of_both(_x(), y)
