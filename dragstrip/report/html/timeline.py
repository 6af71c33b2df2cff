"""What the pictures over time share: the slices as rows, as shades, as a table and as stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report.html import cells as figures
from dragstrip.report.html import vega as marks
from dragstrip.report.html.chart import Cell, Stop, Table
from dragstrip.report.html.vega import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.report.html.chart import Spec
    from dragstrip.run.model import Run, Slice

_TITLE = "time since the first slice (s)"


Columns = dict[str, "Callable[[Slice], Cell]"]
"""What a picture's table and cursor tell of a slice, by the heads."""


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


def told(run: Run, columns: Columns) -> tuple[Table, tuple[Stop, ...]]:
    """Return the table of the slices, and the stops that tell the same of each."""
    cells = [[say(part) for say in columns.values()] for part in slices(run)]
    titles = [title_of(run, part) for part in slices(run)]
    table = Table(
        ("slice", *columns),
        [(Cell(title), *row) for title, row in zip(titles, cells, strict=True)],
    )
    stops = tuple(
        Stop(
            (start + end) / 2,
            title,
            tuple((head, cell.text) for head, cell in zip(columns, row, strict=True)),
        )
        for (start, end), title, row in zip(spans(run), titles, cells, strict=True)
    )
    return table, stops


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
