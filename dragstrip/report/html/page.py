"""What every HTML page shares: one file that needs nothing else, and its policy.

A Content-Security-Policy in the file forbids every other origin, and every script but its own two,
which it names by their hashes. Names that others chose stand in it as text only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from dragstrip.report.html.assets import FOLDER, charts_library, policy, text_of
from dragstrip.report.html.chart import for_browser
from dragstrip.report.html.vega import THEME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragstrip.report.html.chart import Chart


def page(template: str, drawn: Iterable[Chart], /, **context: Any) -> str:
    """Return the page that a template makes of a context. Raises StorageError.

    `drawn` is all that it draws, wherever the template puts them.
    """
    style, library = text_of("report.css"), charts_library()
    script = text_of("save.js") + text_of("report.js")
    return (
        environment()
        .get_template(template)
        .render(
            **context,
            data={"theme": THEME, "charts": [for_browser(one) for one in drawn]},
            style=style,
            script=script,
            library=library,
            policy=policy(scripts=[library, script], style=style),
        )
    )


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
