"""The pictures of each operation of a run that has several: how slow it was, and why it failed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dragstrip.analysis.operations import names_of, only
from dragstrip.report.html import failures, percentiles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.report.html.chart import Chart
    from dragstrip.run.model import Run


def charts(run: Run) -> Iterator[Chart]:
    """Yield them in the order of the operations; none where there is only one."""
    for number, name in enumerate(names_of(run), 1):
        part = only(run, name)
        for chart in [*percentiles.charts(part)[1:], *failures.charts(part)]:
            yield replace(chart, id=f"{chart.id}-{number}", title=f"{name}: {chart.title}")
