"""The picture of where the response time went: waiting, network, handler, data layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Chart, Key, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Split

_PARTS = {
    "wait": ("wait", "until a connection was free and the request was sent"),
    "network": ("network", "on the way there and back, and in the servers before the handler"),
    "handler": ("handler", "in the target's own code"),
    "data": ("data layer", "in its queries"),
}
_HEADS = ("target", *(label for label, _ in _PARTS.values()), "sum")


def charts(run: Run) -> list[Chart]:
    """Return the picture; none where nothing was answered."""
    rows = list(_rows(run))
    if not rows:
        return []
    zoom = (0.0, max(row["to"] for row in rows) * 1.02)
    table = Table(_HEADS, [_cells(name, side.split) for _, name, side in figures.targets(run)])
    said = "; ".join(f"{label}: {what}" for label, what in _PARTS.values())
    made = Chart(
        id="split",
        title="Where the response time went",
        how_to_read=f"Means of the verified requests, since only means add up. {said}. The last "
        "two are what the servers report of themselves (Server-Timing).",
        summary=_summary(run),
        spec=marks.picture([_bars()], rows, height=130, zoom=zoom),
        table=table,
        stops=table.stops(side for side, _, _ in figures.targets(run)),
        walk="y",
        zoom=zoom,
        legend=tuple(Key(f"part-{part}", label) for part, (label, _) in _PARTS.items()),
        has_open_table=True,
    )
    return [made]


def _bars() -> Spec:
    y: Spec = {
        "field": "side",
        "type": "nominal",
        "title": None,
        "sort": list(marks.SIDES),
        "scale": {"paddingInner": 0.35, "paddingOuter": 0.2},
    }
    return {
        "mark": {"type": "bar", "stroke": marks.PAPER, "strokeWidth": 1.5, "clip": True},
        "encoding": {
            "y": y,
            "x": value("from", title="mean response time (ms)", scale=marks.zoomed()),
            "x2": {"field": "to"},
            "fill": {"field": "fill", "scale": None},
        },
    }


def _rows(run: Run) -> Iterator[Spec]:
    for side, _, target in figures.targets(run):
        start = 0.0
        for part, spent in _spent(target.split).items():
            if spent is not None:
                yield {
                    "side": side,
                    "from": start,
                    "to": start + spent,
                    "fill": f"var(--part-{part})",
                }
                start += spent


def _spent(split: Split | None) -> dict[str, float | None]:
    """Return what each part took in ms; None where it is not known."""
    return {part: getattr(split, f"{part}_ms", None) for part in _PARTS}


def _cells(name: str, split: Split | None) -> tuple[Cell, ...]:
    spent = _spent(split).values()
    total = sum(one for one in spent if one is not None) if split else None
    return (Cell(name), *map(figures.ms, spent), figures.ms(total))


def _summary(run: Run) -> str:
    said = []
    for _, name, target in figures.targets(run):
        known = {part: one for part, one in _spent(target.split).items() if one is not None}
        if known:
            most = max(known, key=lambda part: known[part])
            whole = sum(known.values())
            share = f", {known[most] / whole:.0%} of the whole" if whole else ""
            said.append(
                f"{name} spent most in {_PARTS[most][0]} ({figures.ms(known[most]).text}{share})"
            )
    return "; ".join(said) + "."
