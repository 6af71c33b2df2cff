"""One target in two runs, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from dragstrip.report import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from dragstrip.analysis.regression_model import Regression, Side

_COLOURS = {
    "regression": "bold red",
    "no regression": "bold green",
    "improvement": "bold green",
    "inconclusive": "bold yellow",
}


def render(found: Regression) -> RenderableType:
    """Return the whole comparison; it fits 80 columns."""
    parts: list[RenderableType] = []
    if found.lab:
        parts.append(Panel(Text(text.LAB_BANNER), style="yellow"))
    parts += [_figures(found), Text()]
    parts += map(Text, remarks(found))
    parts += [Text(), Text(headline(found), style=_COLOURS[found.verdict])]
    return Group(*parts)


def headline(found: Regression) -> str:
    """Return the verdict in one sentence."""
    needed = found.slices_needed
    tail = f" ({needed} slices in either run would settle it)" if needed else ""
    return f"{found.verdict.upper()}: {found.target}, newer against older: {found.reason}{tail}."


def remarks(found: Regression) -> list[str]:
    """Return what the interval is, and what it does not cover; one sentence or two each."""
    sentences = [
        f"Not alike, and compared by force: {one.what} was {one.older}, then {one.newer}."
        for one in found.unlike
    ]
    if found.ratio is not None and found.low is not None and found.high is not None:
        sentences.append(
            f"{found.metric} newer/older = {found.ratio:.3f} (95 % interval {found.low:.3f} to "
            f"{found.high:.3f}, {found.older.slices} and {found.newer.slices} slices; smallest "
            f"detectable change {text.percent(found.minimum_detectable_effect)})"
        )
    sentences.append(
        f"share of failures, newer - older = {found.error_difference:+.3%} (95 % interval "
        f"{found.error_low:+.3%} to {found.error_high:+.3%})"
    )
    for name, side in (("older", found.older), ("newer", found.newer)):
        if side.dependent:
            sentences.append(
                f"In the {name} run {side.dependent}: its {side.slices} slices count as "
                f"{side.values}."
            )
    return [*sentences, _unpaired(found)]


def _unpaired(found: Regression) -> str:
    if found.between_runs is None:
        return (
            "These runs are not paired: what the machine did differently at the two times is in "
            "the ratio and not in the interval. `dragstrip calibrate` finds how much that is."
        )
    if found.between_runs == 0:
        return (
            "These runs are not paired. When this machine was calibrated, repeated runs differed "
            "no more than their slices did; what changes from one day to another may be more."
        )
    apart = text.percent(found.between_runs)
    return (
        f"These runs are not paired. The interval allows for the {apart} (standard deviation) by "
        "which repeated runs differed when this machine was calibrated, not for what changes from "
        "one day to another."
    )


def _figures(found: Regression) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text(found.target, style="dim"), no_wrap=True)
    table.add_column(Text("older"), justify="right", overflow="fold")
    table.add_column(Text("newer"), justify="right", overflow="fold")
    for row in rows(found):
        table.add_row(*map(Text, row))
    return table


def rows(found: Regression) -> list[tuple[str, str, str]]:
    """Return the table: a label, the older run's cell, the newer run's cell."""

    def row(label: str, cell: Callable[[Side], str]) -> tuple[str, str, str]:
        return label, cell(found.older), cell(found.newer)

    reasons = sorted({*found.older.failed, *found.newer.failed})
    return [
        row("run", lambda side: side.run),
        row("lookups", lambda side: f"{side.due:,}"),
        row("failed", lambda side: text.percent(side.error_rate)),
        *(_failures(found, reason) for reason in reasons),
        row("response p50", lambda side: text.milliseconds(side.p50_ms)),
        row("response p95", lambda side: text.milliseconds(side.p95_ms)),
        row("response p99", lambda side: text.milliseconds(side.p99_ms)),
        row(f"{found.metric} of a slice", lambda side: text.milliseconds(side.typical_ms)),
    ]


def _failures(found: Regression, reason: str) -> tuple[str, str, str]:
    older, newer = (side.failed.get(reason, 0) for side in (found.older, found.newer))
    return f"  {reason}", f"{older:,}", f"{newer:,}"
