"""One target in two runs as one HTML file: the verdict and the interval over the tolerance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.analysis.numbers import unsaid
from dragstrip.analysis.operations import declared
from dragstrip.analysis.zones import Zone
from dragstrip.report import comparison as words
from dragstrip.report.html import ratio_scale
from dragstrip.report.html.page import page
from dragstrip.report.text import LAB_BANNER

if TYPE_CHECKING:
    from dragstrip.analysis.regression_model import Regression
    from dragstrip.report.html.chart import Chart

_LOOKS = {"improvement": "adopt", "no regression": "better", "regression": "worse"}
"""The style sheet's name of a verdict, where it is another."""


def render(found: Regression) -> str:
    """Return the whole page. Raises StorageError when the charts' library is not installed."""
    charts = _charts(found)
    return page(
        "comparison.html.j2",
        charts,
        found=found,
        look=_LOOKS.get(found.verdict, found.verdict),
        words=words,
        banner_text=LAB_BANNER,
        gauge=charts[0] if charts else None,
    )


def _charts(found: Regression) -> list[Chart]:
    ratio, low, high = found.ratio, found.low, found.high
    if ratio is None or low is None or high is None or unsaid(low, high):
        return []
    limit = found.tolerance
    parts = [
        Zone("improvement", "good", 0.0, 1 / limit),
        Zone("no regression", "same", 1 / limit, limit),
        Zone("regression", "bad", limit, math.inf),
    ]
    made = ratio_scale.chart(
        [zone for zone in parts if zone.low < zone.high],
        (ratio, low, high),
        what=f"{declared(found)}, newer/older",
        title=f"{declared(found)} of {found.target}, newer divided by older",
        how_to_read="Left of 1 the newer run is faster. The bar is the 95 % interval, the diamond "
        "the ratio; the zones follow from the tolerance.",
        summary=next(one for one in words.remarks(found) if "newer/older" in one),
    )
    return [made]
