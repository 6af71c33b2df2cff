"""A stored run as text for a terminal: what decides in one screen, or with `verbose` everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dragstrip.analysis.gates import details_of, fix_of, says
from dragstrip.report import operations
from dragstrip.report import text as words
from dragstrip.report.number_table import number_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from dragstrip.run.model import Run, Verdict


def render(run: Run, verdict: Verdict, *, verbose: bool = False) -> RenderableType:
    """Return the report; it fits 80 columns, and unless `verbose` 24 lines."""
    return Group(*(_everything if verbose else _in_short)(run, verdict))


def text(run: Run, verdict: Verdict, width: int = 80, *, verbose: bool = False) -> str:
    """Return the report as plain text."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(run, verdict, verbose=verbose))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _in_short(run: Run, verdict: Verdict) -> Iterator[RenderableType]:
    for banner in words.short_banners(run):
        yield Text(banner, style="yellow")
    yield Text(words.short_headline(run, verdict), style=words.COLOURS[verdict.verdict])
    figures: tuple[RenderableType, ...] = (Text(), _figures(run, words.short_rows(run)))
    checks = words.checks(verdict.gates)
    if not verdict.compares:
        # The reason stands above the figures, which prove nothing.
        yield from (Text(checks, style="bold red"), *_failed(run, verdict), *figures)
        return
    comparison = words.comparison(run, verdict)
    if comparison:
        yield from map(Text, (comparison, *words.doubts(verdict)))
    yield from (*figures, Text(), Text(checks, style="green"))


def _failed(run: Run, verdict: Verdict) -> Iterator[Text]:
    failed = [gate for gate in verdict.gates if not gate.passed]
    for gate in failed[:_MOST_GATES]:
        fix = fix_of(gate)
        yield Text(f"✗ {details_of(gate, run) or says(gate)}" + (f"; fix: {fix}" if fix else ""))
    if failed[_MOST_GATES:]:
        yield Text(f"and {len(failed) - _MOST_GATES} more; --verbose shows them", style="dim")


_MOST_GATES = 4
"""Failed gates, of two lines each, that fit on a screen with everything else."""


def _everything(run: Run, verdict: Verdict) -> Iterator[RenderableType]:
    for banner in words.banners(run):
        yield Panel(Text(banner), style="yellow")
    headline = Text(words.headline(run, verdict), style=words.COLOURS[verdict.verdict])
    if not verdict.compares:
        # The reason stands above the figures, which prove nothing.
        yield from (headline, Text())
    yield from (_figures(run, words.rows(run)), Text())
    by_operation = operations.rows(run, verdict)
    if by_operation:
        yield from (number_table(operations.HEADS, by_operation, left=2), Text())
    comparison = words.comparison(run, verdict)
    if comparison:
        yield from map(Text, (comparison, *words.remarks(run, verdict)))
    if verdict.secondary:
        others = number_table(words.SECONDARY_HEADS, words.secondary_rows(verdict), left=1)
        yield Padding(others, (1, 0, 0, 0))
    yield from (_gates(verdict), Text())
    if verdict.compares:
        yield headline
    for line in (words.conditions(run), words.data(run)):
        yield Text(line, style="dim")


def _figures(run: Run, rows: Sequence[tuple[str, str, str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text(run.id, style="dim"), no_wrap=True)
    table.add_column(Text(f"{run.baseline} (baseline)"), justify="right", overflow="fold")
    table.add_column(Text(f"{run.challenger} (challenger)"), justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _gates(verdict: Verdict) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for state, label, figure, bound in words.gate_rows(verdict.gates):
        style = "green" if state == "ok" else "bold red"
        table.add_row(Text(state, style=style), Text(label), Text(figure), Text(bound))
    return Padding(table, (1, 0, 0, 0))
