"""A stored run as Markdown, for a pull request or a job summary: the verdict, then the rest.

What decides is in sight; what proves it is folded, unless it failed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dragstrip.analysis.rule_checks import required, rules_of
from dragstrip.report import interval_picture, operations
from dragstrip.report import text as words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.run.model import Run, Verdict

Row = tuple[str, str, str]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_SPACES = re.compile(r"\s+")


def render(run: Run, verdict: Verdict, requirement: Requirement | None = None) -> str:
    """Return the whole report; `requirement` is what `--require` asked for."""
    return "\n".join(_lines(run, verdict, requirement)) + "\n"


def _lines(run: Run, verdict: Verdict, requirement: Requirement | None) -> Iterator[str]:
    for banner in words.banners(run):
        yield f"> **{banner}**"
        yield ""
    yield f"### {escape(words.headline(run, verdict))}"
    yield ""
    if requirement:
        state = required(verdict, requirement, rules_of(run))
        yield f"`--require {requirement}`: {words.REQUIRED[state]}."
        yield ""
    comparison = words.comparison(run, verdict)
    if comparison:
        for line in (comparison, " ".join(words.remarks(run, verdict))):
            yield escape(line)
            yield ""
        picture = interval_picture.draw(verdict, rules_of(run))
        if picture:
            yield from ("```text", *picture, "```", "")
    heads = ("", f"{run.baseline} (baseline)", f"{run.challenger} (challenger)")
    shown, others = _split(words.rows(run))
    yield from table(heads, shown, "|---|---:|---:|")
    yield ""
    by_operation = operations.rows(run, verdict)
    if by_operation:
        yield from table(operations.HEADS, by_operation, "|---|---|---:|---:|---:|---:|---:|")
        yield ""
    yield from _gates(verdict)
    yield from _more(verdict, heads, others)
    yield escape(f"Run {run.id}: {words.conditions(run)}. {words.data(run)}")


def _split(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    shown = [row for row in rows if row[0].startswith((*words.IN_SHORT, "  "))]
    return shown, [row for row in rows if row not in shown]


def _gates(verdict: Verdict) -> Iterator[str]:
    failed = [gate for gate in verdict.gates if not gate.passed]
    gates = table(
        ("gate", "condition", "figure", "bound"),
        words.gate_rows(verdict.gates),
        "|---|---|---:|---:|",
    )
    yield from _folded(words.checks(verdict.gates), gates, is_open=bool(failed))


def _more(verdict: Verdict, heads: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    def inner() -> Iterator[str]:
        yield from table(heads, rows, "|---|---:|---:|")
        if verdict.secondary:
            yield ""
            others = words.secondary_rows(verdict)
            yield from table(words.SECONDARY_HEADS, others, "|---|---:|---:|---:|")

    yield from _folded("more figures", inner())


def _folded(title: str, lines: Iterator[str], *, is_open: bool = False) -> Iterator[str]:
    # GitHub reads Markdown in there only after an empty line.
    yield f"<details{' open' if is_open else ''}><summary>{title}</summary>"
    yield ""
    yield from lines
    yield from ("", "</details>", "")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], rule: str) -> Iterator[str]:
    """Yield the lines of a table; `rule` is the line between its heads and its rows."""
    yield _row(heads)
    yield rule
    for cells in rows:
        yield _row(cells)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell.strip()) for cell in cells) + " |"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", _SPACES.sub(" ", text))
