"""The ratio's interval and the band of no difference as three lines of text, for Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.report import text

if TYPE_CHECKING:
    from dragstrip.config.config import RulesConfig
    from dragstrip.run.model import Verdict

WIDTH = 61
_MARGIN = 1.2


def draw(verdict: Verdict, rules: RulesConfig) -> list[str]:
    """Return the lines, on a logarithmic scale; none where the run gave no interval."""
    found = text.interval(verdict)
    if found is None:
        return []
    ratio, low, high = found
    band = rules.equivalent
    first, last = min(low, band[0]) / _MARGIN, max(high, band[1]) * _MARGIN
    step = math.log(last / first) / (WIDTH - 1)

    def place(value: float) -> int:
        return round(math.log(value / first) / step)

    interval = _line(place(low), place(high), "─", " ")
    interval[place(low)], interval[place(high)] = "├", "┤"
    interval[place(ratio)] = "●"
    axis = _line(place(band[0]), place(band[1]), "░", "·")
    axis[place(1)] = "│"
    labels = [" "] * WIDTH
    for value in (band[0], 1.0, band[1]):
        label = f"{value:g}"
        start = min(place(value), WIDTH - len(label))
        labels[start : start + len(label)] = label
    ends = "◄ challenger faster", "challenger slower ►"
    head = ends[0] + ends[1].rjust(WIDTH - len(ends[0]))
    return [head, *("".join(line).rstrip() for line in (interval, axis, labels))]


def _line(start: int, stop: int, inside: str, outside: str) -> list[str]:
    return [inside if start <= place <= stop else outside for place in range(WIDTH)]
