"""A stored run as one HTML file that needs nothing else: no other file, no host, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.gates import fix_of
from dragstrip.analysis.operations import declared
from dragstrip.report import operations, text, writes
from dragstrip.report.html import (
    by_operation,
    failures,
    generator,
    glossary,
    heat_map,
    load_profile,
    pairs,
    percentiles,
    ratio_scale,
    setup,
    staleness,
    time_breakdown,
    timeline,
)
from dragstrip.report.html.page import page

if TYPE_CHECKING:
    from dragstrip.analysis.heat import Heat
    from dragstrip.report.html.chart import Chart
    from dragstrip.run.model import Run, Verdict


def render(run: Run, verdict: Verdict, heat: Heat | None = None) -> str:
    """Return the whole page. Raises StorageError when the charts' library is not installed.

    `heat` is what analysis/heat.py counts of the run; without it there is no heat map.
    """
    gauge, charts = ratio_scale.charts(run, verdict), pictures(run, verdict, heat)
    stale = staleness.charts(run)
    return page(
        "report.html.j2",
        gauge + stale + charts,
        run=run,
        verdict=verdict,
        words=text,
        numbers=numbers,
        declared=declared,
        plain=glossary,
        operations=operations,
        operation_rows=operations.rows(run, verdict),
        setup=setup,
        fix_of=fix_of,
        gauge=gauge[0] if gauge else None,
        charts=charts,
        writes=writes,
        stale=stale[0] if stale else None,
    )


def pictures(run: Run, verdict: Verdict, heat: Heat | None = None) -> list[Chart]:
    """Return the pictures in the order of the page, without the one beside the verdict."""
    return [
        *percentiles.charts(run),
        *heat_map.charts(run, heat or {}),
        *by_operation.charts(run),
        *pairs.charts(run, verdict),
        *timeline.charts(run),
        *load_profile.charts(run),
        *time_breakdown.charts(run),
        *failures.charts(run),
        *generator.charts(run),
    ]
