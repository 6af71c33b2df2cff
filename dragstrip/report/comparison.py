"""One target in two runs, as text for a terminal and as Markdown: the verdict first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dragstrip.analysis import numbers
from dragstrip.analysis.numbers import milliseconds, percent
from dragstrip.analysis.operations import declared
from dragstrip.report import text
from dragstrip.report.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from dragstrip.analysis.regression_model import Regression, Side

_COLOURS = {
    "regression": "bold red",
    "no regression": "bold green",
    "improvement": "bold green",
    "inconclusive": "bold yellow",
}


def render(found: Regression, *, verbose: bool = False) -> RenderableType:
    """Return the comparison; it fits 80 columns, and unless `verbose` 24 lines."""
    parts: list[RenderableType] = []
    if found.lab:
        parts.append(Text(text.LAB_BANNER, style="yellow"))
    parts.append(Text(headline(found), style=_COLOURS[found.verdict]))
    shown = rows(found) if verbose else [row for row in rows(found) if row[0][0] != " "]
    parts += [Text(), _figures(found, shown), Text()]
    parts += map(Text, remarks(found) if verbose else [*_intervals(found), _unpaired(found)])
    return Group(*parts)


def markdown(found: Regression) -> str:
    """Return the whole comparison as Markdown, for a pull request."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Regression) -> Iterator[str]:
    if found.lab:
        yield f"> **{text.LAB_BANNER}**"
        yield ""
    yield f"### {escape(headline(found))}"
    yield ""
    yield from table((found.target, "older", "newer"), rows(found), "|---|---:|---:|")
    for remark in remarks(found):
        yield ""
        yield escape(remark)


def headline(found: Regression) -> str:
    """Return the verdict in one sentence."""
    needed = found.slices_needed
    tail = f" ({needed} slices in either run would settle it)" if needed else ""
    return f"{found.verdict.upper()}: {found.target}, newer against older: {found.reason}{tail}."


def remarks(found: Regression) -> list[str]:
    """Return what the interval is, and what it does not cover; one sentence or two each."""
    sentences = _intervals(found)
    for name, side in (("older", found.older), ("newer", found.newer)):
        if side.dependent:
            sentences.append(
                f"In the {name} run {side.dependent}: its {side.slices} slices count as "
                f"{side.values}."
            )
    return [*sentences, _unpaired(found)]


def _intervals(found: Regression) -> list[str]:
    sentences = [
        f"Not alike, and compared by force: {one.what} was {one.older}, then {one.newer}."
        for one in found.unlike
    ]
    if found.ratio is not None and found.low is not None and found.high is not None:
        slices = f"{found.older.slices} and {found.newer.slices} slices"
        unsaid = numbers.unsaid(found.low, found.high)
        sentences.append(
            f"{declared(found)} newer/older: {unsaid}, from {slices}"
            if unsaid
            else f"{declared(found)} newer/older = {numbers.ratio(found.ratio)} (95 % interval "
            f"{numbers.ratios(found.low, found.high)}, {slices}; smallest detectable change "
            f"{percent(found.minimum_detectable_effect)})"
        )
    sentences.append(
        f"share of failures, newer - older = {found.error_difference:+.3%} (95 % interval "
        f"{found.error_low:+.3%} to {found.error_high:+.3%})"
    )
    return sentences


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
    apart = percent(found.between_runs)
    return (
        f"These runs are not paired. The interval allows for the {apart} (standard deviation) by "
        "which repeated runs differed when this machine was calibrated, not for what changes from "
        "one day to another."
    )


def _figures(found: Regression, shown: list[tuple[str, str, str]]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(Text(found.target, style="dim"), no_wrap=True)
    grid.add_column(Text("older"), justify="right", overflow="fold")
    grid.add_column(Text("newer"), justify="right", overflow="fold")
    for row in shown:
        grid.add_row(*map(Text, row))
    return grid


def rows(found: Regression) -> list[tuple[str, str, str]]:
    """Return the table: a label, the older run's cell, the newer run's cell."""

    def row(label: str, cell: Callable[[Side], str]) -> tuple[str, str, str]:
        return label, cell(found.older), cell(found.newer)

    reasons = sorted({*found.older.failed, *found.newer.failed})
    timed = found.operation or "response"
    return [
        row("run", lambda side: side.run),
        row("requests", lambda side: numbers.count(side.requests)),
        row("failed", lambda side: percent(side.error_rate)),
        *(_failures(found, reason) for reason in reasons),
        row(f"{timed} p50", lambda side: milliseconds(side.p50_ms)),
        row(f"{timed} p95", lambda side: milliseconds(side.p95_ms)),
        row(f"{timed} p99", lambda side: milliseconds(side.p99_ms)),
        row(f"{declared(found)} of a slice", lambda side: milliseconds(side.typical_ms)),
    ]


def _failures(found: Regression, reason: str) -> tuple[str, str, str]:
    older, newer = (side.failed.get(reason, 0) for side in (found.older, found.newer))
    return f"  {reason}", numbers.count(older), numbers.count(newer)
