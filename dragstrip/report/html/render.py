"""A stored run as one HTML file that needs nothing else: no other file, no host, no network.

A Content-Security-Policy in the file forbids every other origin, and every script but its own two,
which it names by their hashes. Names that others chose stand in it as text only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from dragstrip.analysis.gates import fix_of
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
from dragstrip.report.html.assets import FOLDER, charts_library, policy, text_of
from dragstrip.report.html.chart import for_browser
from dragstrip.report.html.vega import THEME

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
    style, script, library = text_of("report.css"), text_of("report.js"), charts_library()
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            verdict=verdict,
            words=text,
            plain=glossary,
            operations=operations,
            operation_rows=operations.rows(run, verdict),
            setup=setup,
            fix_of=fix_of,
            gauge=gauge[0] if gauge else None,
            charts=charts,
            writes=writes,
            stale=stale[0] if stale else None,
            data={
                "theme": THEME,
                "charts": [for_browser(one) for one in gauge + stale + charts],
            },
            style=style,
            script=script,
            library=library,
            policy=policy(scripts=[library, script], style=style),
        )
    )


def pictures(run: Run, verdict: Verdict, heat: Heat | None = None) -> list[Chart]:
    """Return the pictures in the order of the page, without the one beside the verdict."""
    return [
        *percentiles.charts(run),
        *by_operation.charts(run),
        *pairs.charts(run, verdict),
        *heat_map.charts(run, heat or {}),
        *timeline.charts(run),
        *load_profile.charts(run),
        *time_breakdown.charts(run),
        *failures.charts(run),
        *generator.charts(run),
    ]


def environment() -> jinja2.Environment:
    """Return what renders the templates beside the style sheet."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_units_stay,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _units_stay(value: object) -> object:
    """Keep "95 %" on one line; what is markup already, scripts above all, stays as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.replace(" %", "\N{NO-BREAK SPACE}%")
    return value
