"""Puts the charts' library beside the HTML report's template when dragstrip is installed.

vl-convert-python carries Vega, Vega-Lite and Vega-Embed in its wheel. Bundling them takes a second
or two and 85 MB on disk: once at installation, rather than after every race.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vl_convert
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VEGA_LITE = "6.4"
FILE = "dragstrip/report/html/assets/charts.js"


class ChartsLibrary(BuildHookInterface[Any]):
    """Writes the script that is not part of the source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Bundle the library, and let it be part of the wheel."""
        script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
        if "</script" in script.lower() or "<!--" in script:
            raise ValueError("the charts' library cannot stand inside an HTML page as it is")
        Path(self.root, FILE).write_text(script, encoding="utf-8")
        build_data["artifacts"].append(FILE)
