"""A stored run as text for a terminal; plain where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dragstrip.report import operations
from dragstrip.report import text as words
from dragstrip.report.colours import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from dragstrip.run.model import Run, Verdict


def render(run: Run, verdict: Verdict) -> RenderableType:
    """Return the whole report; it fits 80 columns."""
    parts: list[RenderableType] = []
    parts += [Panel(Text(banner), style="yellow") for banner in words.banners(run)]
    headline = Text(words.headline(run, verdict), style=COLOURS[verdict.verdict])
    if verdict.verdict == "invalid":
        # Nobody may read the figures before they read why these prove nothing.
        parts += [headline, Text()]
    parts += [_figures(run), Text()]
    by_operation = operations.rows(run, verdict)
    if by_operation:
        parts += [_table(operations.HEADS, by_operation, left=2), Text()]
    comparison = words.comparison(run, verdict)
    if comparison:
        parts += [Text(comparison), *map(Text, words.remarks(run, verdict))]
    if verdict.secondary:
        others = _table(words.SECONDARY_HEADS, words.secondary_rows(verdict), left=1)
        parts.append(Padding(others, (1, 0, 0, 0)))
    parts += [_gates(verdict), Text()]
    if verdict.verdict != "invalid":
        parts.append(headline)
    parts += [Text(line, style="dim") for line in (words.conditions(run), words.data(run))]
    return Group(*parts)


def text(run: Run, verdict: Verdict, width: int = 80) -> str:
    """Return the report as plain text."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(run, verdict))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _figures(run: Run) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text(run.id, style="dim"), no_wrap=True)
    table.add_column(Text(f"{run.baseline} (baseline)"), justify="right", overflow="fold")
    table.add_column(Text(f"{run.challenger} (challenger)"), justify="right", overflow="fold")
    for row in words.rows(run):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> Table:
    """Return a table of which the first `left` columns are words and the others are numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for number, head in enumerate(heads):
        table.add_column(Text(head), justify="left" if number < left else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _gates(verdict: Verdict) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for state, label, figure, bound in words.gate_rows(verdict.gates):
        style = "green" if state == "ok" else "bold red"
        table.add_row(Text(state, style=style), Text(label), Text(figure), Text(bound))
    return Padding(table, (1, 0, 0, 0))
