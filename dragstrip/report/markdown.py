"""A stored run as Markdown, for a pull request or a job summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dragstrip.report import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.analyse.model import Run, Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")


def render(run: Run, verdict: Verdict) -> str:
    """Return the whole report."""
    return "\n".join(_lines(run, verdict)) + "\n"


def _lines(run: Run, verdict: Verdict) -> Iterator[str]:
    for banner in words.banners(run):
        yield f"> **{banner}**"
        yield ""
    yield f"**{_escape(words.headline(run, verdict))}**"
    yield ""
    comparison = words.comparison(run, verdict)
    if comparison:
        for line in (comparison, *words.remarks(run, verdict)):
            yield _escape(line)
            yield ""
    heads = (run.id, f"{run.baseline} (baseline)", f"{run.challenger} (challenger)")
    yield from _table(heads, words.rows(run), "|---|---:|---:|")
    yield ""
    if verdict.secondary:
        others = words.secondary_rows(verdict)
        yield from _table(words.SECONDARY_HEADS, others, "|---|---:|---:|---:|")
        yield ""
    gates = words.gate_rows(verdict.gates)
    yield from _table(("gate", "condition", "figure", "bound"), gates, "|---|---|---:|---:|")
    yield ""
    yield _escape(words.conditions(run))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], rule: str) -> Iterator[str]:
    yield _row(heads)
    yield rule
    for cells in rows:
        yield _row(cells)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escape(cell.strip()) for cell in cells) + " |"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
