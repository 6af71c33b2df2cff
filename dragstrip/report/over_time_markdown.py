"""One target in two runs as Markdown, for a pull request: the verdict first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.report import over_time, words
from dragstrip.report.markdown import escape, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.analyse.regression_model import Regression


def render(found: Regression) -> str:
    """Return the whole comparison."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Regression) -> Iterator[str]:
    if found.lab:
        yield f"> **{words.LAB_BANNER}**"
        yield ""
    yield f"### {escape(over_time.headline(found))}"
    yield ""
    yield from table((found.target, "older", "newer"), over_time.rows(found), "|---|---:|---:|")
    for remark in over_time.remarks(found):
        yield ""
        yield escape(remark)
