"""The pictures of response time over time: a stall or a warm-up is a place in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.heat import start_ms
from dragstrip.report.html import cells as figures
from dragstrip.report.html import timeline as over_time
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Key, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from dragstrip.analysis.heat import Heat, Stretch
    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run

_HEADS = ("requests", "failed", "half within", "95 % within", "slowest")
_FAILED_PX, _WARMUP_PX = 9, 5
_ROOM = 0.08
"""The share of the height above the slowest answers, for the failures."""


def charts(run: Run, heat: Heat) -> list[Chart]:
    """Return a picture for each target, of one scale; none where nothing was counted."""
    bins = [bin_ for found in heat.values() for one in found for bin_ in one.counts]
    if not bins:
        return []
    ends = start_ms(min(bins)), start_ms(max(bins) + 1)
    return [_chart(run, side, name, heat[name], ends) for side, name, _ in figures.targets(run)]


def _chart(
    run: Run, side: str, name: str, found: list[Stretch], ends: tuple[float, float]
) -> Chart:
    whole = over_time.zoom(run)
    table = Table(("time", *_HEADS), [_cells(one) for one in found])
    failed = sum(one.failed for one in found)
    return Chart(
        id=f"heat-{side}",
        title=f"Response time over time: {name} ({side})",
        how_to_read="The darker a cell, the larger the share of the requests due at that time that "
        "took so long. A stall is a tower, a warm-up a slope; both targets have the same scale. "
        "Failures are the cells at the upper edge.",
        summary=_summary(found, failed),
        spec=marks.picture(
            _layers(run, side, ends), [_row(i, one) for i, one in enumerate(found)], zoom=whole
        ),
        table=table,
        stops=table.stops((one.from_s + one.to_s) / 2 for one in found),
        zoom=whole,
        is_over_time=True,
        legend=(
            Key(f"heat-{side}", f"{name}, from few to all"),
            Key("failed", "failed"),
            Key("warm-up", "warm-up, not counted"),
        ),
    )


def _row(i: int, one: Stretch) -> Spec:
    return {
        "i": i,
        "from": one.from_s,
        "to": one.to_s,
        "at": (one.from_s + one.to_s) / 2,
        "requests": one.requests,
        "failed": one.failed,
        "bins": list(one.counts),
        "counts": list(one.counts.values()),
    }


def _cells(one: Stretch) -> tuple[Cell, ...]:
    within = [one.bin_of(share) for share in (0.5, 0.95)]
    return (
        Cell(f"{one.from_s:.4g} to {one.to_s:.4g} s", one.from_s),
        figures.count(one.requests),
        figures.count(one.failed),
        *(figures.ms(None if bin_ is None else start_ms(bin_ + 1)) for bin_ in within),
        figures.ms(one.slowest_ms if one.counts else None),
    )


def _summary(found: list[Stretch], failed: int) -> str:
    slowest = max(found, key=lambda one: one.slowest_ms)
    said = f"The slowest answer took {figures.ms(slowest.slowest_ms).text}, at "
    said += f"{slowest.from_s:.4g} s"
    return f"{said}; {failed:,} requests failed." if failed else f"{said}; none failed."


def _layers(run: Run, side: str, ends: tuple[float, float]) -> list[Spec]:
    low, high = ends
    scale: Spec = {"type": "log", "domain": [low, high * (high / low) ** _ROOM], "nice": False}
    title = "response time (ms, logarithmic)"
    x: Spec = {"x": over_time.x("from"), "x2": {"field": "to"}}
    shown: Spec = {"scale": {"type": "sqrt", "domain": [0, 1], "range": [0.12, 1]}, "legend": None}
    rect: Spec = {"type": "rect", "clip": True}
    cells: Spec = {
        "transform": [
            {"flatten": ["bins", "counts"]},
            {"calculate": "pow(10, datum.bins / 10)", "as": "low"},
            {"calculate": "pow(10, (datum.bins + 1) / 10)", "as": "high"},
            {"calculate": "datum.counts / datum.requests", "as": "share"},
        ],
        "mark": rect | {"fill": marks.COLOURS[side]},
        "encoding": x
        | {
            "y": value("low", scale=scale, title=title),
            "y2": {"field": "high"},
            "opacity": value("share", **shown),
        },
    }
    failed: Spec = {
        "transform": [{"calculate": "datum.failed / datum.requests", "as": "share"}],
        "mark": rect | {"fill": "var(--bad)", "y": 0, "y2": _FAILED_PX},
        "encoding": x
        | {
            "opacity": {
                "condition": {"test": "datum.failed > 0", **value("share", **shown)},
                "value": 0,
            }
        },
    }
    return [
        cells,
        failed,
        _warmups(run, side, rect, x),
        *marks.limit("y", run.config["rules"]["slo_ms"], "objective", scale=scale),
        marks.cursor("x", over_time.x()),
    ]


def _warmups(run: Run, side: str, rect: Spec, x: Spec) -> Spec:
    """Return where the target's slices began, at the lower edge."""
    warmup_s = run.config["race"]["warmup"]
    spans = [
        {"from": start, "to": start + warmup_s}
        for part, (start, _) in zip(over_time.slices(run), over_time.spans(run), strict=True)
        if over_time.side_of(run, part) == side
    ]
    place = {"y": {"expr": f"height - {_WARMUP_PX}"}, "y2": {"expr": "height"}}
    return {
        "data": {"values": spans},
        "mark": rect | {"fill": marks.SOFT, "opacity": 0.6} | place,
        "encoding": x,
    }
