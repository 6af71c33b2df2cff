"""The terminal report as an SVG picture, for a README; it loads nothing from elsewhere."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console

from dragstrip.report import terminal

if TYPE_CHECKING:
    from dragstrip.run.model import Run, Verdict

WIDTH = 80

# rich's template fetches its font from another host; without it the viewer's own monospace serves.
_FOREIGN_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def render(run: Run, verdict: Verdict) -> str:
    """Return the short report as one SVG document."""
    console = Console(
        width=WIDTH, record=True, file=io.StringIO(), force_terminal=True, highlight=False
    )
    console.print(terminal.render(run, verdict))
    picture = console.export_svg(title=f"dragstrip report {run.id}", unique_id="dragstrip")
    return _FOREIGN_FONTS.sub("", picture).rstrip("\n") + "\n"
