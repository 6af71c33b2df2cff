"""Pictures of a few lines for a terminal: the interval over the rule's zones, and sparklines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from dragstrip.analysis.zones import zones

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from dragstrip.analysis.ratio import Interval
    from dragstrip.analysis.zones import Zone
    from dragstrip.config.config import RulesConfig

BARS = "▁▂▃▄▅▆▇█"
GAP = "×"
"""Where a quantile does not exist: too many requests failed."""
_STYLES = {"good": "green", "fair": "cyan", "same": "dim", "bad": "yellow"}
_ROOM = 1.3
_MOST_COLUMNS = 76


@dataclass(frozen=True, slots=True)
class IntervalPicture:
    """Three lines, as wide as the terminal allows: the interval, the zones, and their limits."""

    found: Interval
    rules: RulesConfig

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self._lines(min(options.max_width, _MOST_COLUMNS))

    def _lines(self, width: int) -> Iterator[Text]:
        parts = zones(self.rules)
        limits = [one.low for one in parts[1:]]
        first = min(self.found.low, limits[0]) / _ROOM
        step = math.log(max(self.found.high, limits[-1]) * _ROOM / first) / max(width - 1, 1)

        def place(value: float) -> int:
            return min(max(round(math.log(max(value, first) / first) / step), 0), width - 1)

        low, middle, high = map(place, (self.found.low, self.found.ratio, self.found.high))
        bar = [" "] * low + ["─"] * (high - low + 1)
        bar[low], bar[high] = "├", "┤"
        bar[middle] = "●"
        yield Text("".join(bar), style="bold")
        ends = [*map(place, limits), width]
        yield Text.assemble(*_segments(parts, ends))
        labels = [" "] * width
        for limit, at in zip(limits, ends, strict=False):
            text = f"{limit:.3g}"
            start = min(at, width - len(text))
            taken = "".join(labels[max(start - 1, 0) : start + len(text)])
            if start >= 0 and not taken.strip():
                labels[start : start + len(text)] = text
        yield Text("".join(labels).rstrip(), style="dim")


def _segments(parts: Sequence[Zone], ends: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Yield each zone with its name in it, as far as that fits."""
    start = 0
    for zone, end in zip(parts, ends, strict=True):
        width = end - start
        name = next((one for one in (zone.label, zone.label[:4]) if len(one) + 3 <= width), "")
        inside = f" {name} ".center(max(width - 1, 0), "━") if name else "━" * max(width - 1, 0)
        yield ("┃" if start else "━")[: max(width, 0)] + inside, _STYLES[zone.style]
        start = end


def sparkline(values: Sequence[float | None], low: float, high: float) -> str:
    """Draw values, the first at the left, between the ends of a logarithmic axis."""
    span = math.log(high / low) if high > low else 0.0
    return "".join(
        GAP
        if value is None
        else BARS[round((len(BARS) - 1) * math.log(max(value, low) / low) / span) if span else 0]
        for value in values
    )
