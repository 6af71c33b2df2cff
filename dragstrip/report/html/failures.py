"""The picture of why requests failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, ColourStop, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run

_REASON_PX = 60


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where no request failed."""
    counts = _counts(run)
    if not counts:
        return []
    made = Chart(
        id="failures",
        title="Why requests failed",
        how_to_read="A failed request counts as slower than any answer and is never left out.",
        summary="; ".join(
            f"{name}: {one.requests - one.verified:,} of {one.requests:,} failed"
            for _, name, one in figures.targets(run)
        )
        + ".",
        spec=marks.picture(_layers(counts), _rows(counts), height=_REASON_PX * (len(counts) + 1)),
        table=Table(
            ("reason", *figures.names(run)),
            [(Cell(reason), *map(figures.count, pair)) for reason, pair in counts.items()],
        ),
        stops=tuple(_stop(run, reason, pair) for reason, pair in counts.items()),
        walk="y",
        legend=figures.legend(run),
        has_open_table=True,
    )
    return [made]


def _counts(run: Run) -> dict[str, tuple[int, int]]:
    """Return the failures of (baseline, challenger) by reason."""
    baseline, challenger = figures.sides(run)
    return {
        reason: (baseline.failed.get(reason, 0), challenger.failed.get(reason, 0))
        for reason in sorted({*baseline.failed, *challenger.failed})
    }


def _rows(counts: dict[str, tuple[int, int]]) -> list[Spec]:
    return [
        {"reason": reason, "side": side, "count": count}
        for reason, pair in counts.items()
        for side, count in zip(marks.SIDES, pair, strict=True)
    ]


def _layers(counts: dict[str, tuple[int, int]]) -> list[Spec]:
    scale: Spec = {"domain": [0, max(map(max, counts.values())) * 1.12], "nice": False}
    axis: Spec = {"tickMinStep": 1, "format": "~s"}
    place: Spec = {
        "y": {
            "field": "reason",
            "type": "nominal",
            "title": None,
            "sort": None,
            "axis": {"labelLimit": 140},
        },
        "yOffset": {"field": "side", "sort": list(marks.SIDES)},
        "x": value("count", title="requests that failed", scale=scale, axis=axis),
    }
    bars: list[Spec] = [
        {
            "transform": [{"filter": f"datum.side === '{side}'"}],
            "mark": {"type": "bar", "fill": marks.COLOURS[side]},
            "encoding": place,
        }
        for side in marks.SIDES
    ]
    numbers: Spec = {
        "mark": {"type": "text", "align": "left", "dx": 4, "fill": marks.INK},
        "encoding": place | {"text": {"field": "count", "format": ","}},
    }
    return [*bars, numbers]


def _stop(run: Run, reason: str, pair: tuple[int, int]) -> ColourStop:
    told = (figures.count(count).text for count in pair)
    return ColourStop(reason, reason, tuple(zip(figures.names(run), told, strict=True)))
