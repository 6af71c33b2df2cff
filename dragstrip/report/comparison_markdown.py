"""One target in two runs as Markdown, for a pull request: the verdict first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report import comparison, text
from dragstrip.report.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.analysis.regression_model import Regression


def render(found: Regression) -> str:
    """Return the whole comparison."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Regression) -> Iterator[str]:
    if found.lab:
        yield f"> **{text.LAB_BANNER}**"
        yield ""
    yield f"### {escape(comparison.headline(found))}"
    yield ""
    yield from table((found.target, "older", "newer"), comparison.rows(found), "|---|---:|---:|")
    for remark in comparison.remarks(found):
        yield ""
        yield escape(remark)
