"""A stored run as one HTML file that needs nothing else: no other file, no host, no network.

A Content-Security-Policy in the file forbids every other origin, and every script but its own two,
which it names by their hashes. Names that others chose stand in it as text only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from dragstrip.analyse.conditions import fix_of
from dragstrip.report import (
    html_distribution,
    html_failures,
    html_gauge,
    html_generator,
    html_pairs,
    html_response,
    html_setup,
    html_split,
    html_throughput,
    html_words,
    words,
)
from dragstrip.report.html_assets import FOLDER, charts_library, policy, text_of
from dragstrip.report.html_chart import for_browser
from dragstrip.report.html_marks import THEME

if TYPE_CHECKING:
    from dragstrip.analyse.model import Run, Verdict
    from dragstrip.report.html_chart import Chart


def render(run: Run, verdict: Verdict) -> str:
    """Return the whole page. Raises StorageError when the charts' library is not installed."""
    gauge, charts = html_gauge.charts(run, verdict), pictures(run, verdict)
    style, script, library = text_of("report.css"), text_of("report.js"), charts_library()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            verdict=verdict,
            words=words,
            plain=html_words,
            setup=html_setup,
            fix_of=fix_of,
            gauge=gauge[0] if gauge else None,
            charts=charts,
            data={
                "theme": THEME,
                "charts": [for_browser(one) for one in gauge + charts],
            },
            style=style,
            script=script,
            library=library,
            policy=policy(scripts=[library, script], style=style),
        )
    )


def pictures(run: Run, verdict: Verdict) -> list[Chart]:
    """Return the pictures in the order of the page, without the one beside the verdict."""
    return [
        *html_distribution.charts(run),
        *html_pairs.charts(run, verdict),
        *html_response.charts(run),
        *html_throughput.charts(run),
        *html_split.charts(run),
        *html_failures.charts(run),
        *html_generator.charts(run),
    ]


def _environment() -> jinja2.Environment:
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
