"""Pictures of a few lines: whatever the figures and the width, they stand where these say."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dragstrip.analysis.ratio import Interval
from dragstrip.config.config import RulesConfig
from dragstrip.live.small_pictures import BARS, GAP, IntervalPicture, sparkline

if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = RulesConfig()
VALUES = st.lists(st.one_of(st.none(), st.floats(0.01, 1e5)), min_size=1, max_size=40)


def lines_of(found: Interval, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(IntervalPicture(found, RULES))
    return captured.get().splitlines()


@given(st.floats(1e-3, 1e3), st.floats(1, 99), st.floats(0, 1), st.integers(20, 200))
def test_the_interval_stands_over_the_zones_that_it_is_in(
    low: float, factor: float, at: float, width: int
) -> None:
    high = low * factor
    ratio = min(max(low * factor**at, low), high)
    bar, zones, labels = lines_of(Interval(ratio, low, high, 6, 0.1), width)
    assert max(map(len, (bar, zones, labels))) <= min(width, 76)
    assert "●" in bar
    first, last = len(bar) - len(bar.lstrip()), len(bar) - 1
    adopted, slower = zones.index("┃"), zones.rindex("┃")
    # A character is a step of the scale: at a limit, either side is right.
    if high < RULES.adopt_ratio:
        assert last <= adopted
    if low > RULES.equivalent[1]:
        assert first >= slower


@given(VALUES)
def test_a_sparkline_keeps_the_order_of_its_values(values: Sequence[float | None]) -> None:
    known = [value for value in values if value is not None] or [1.0]
    drawn = sparkline(values, min(known), max(known))
    assert len(drawn) == len(values)
    assert [one == GAP for one in drawn] == [value is None for value in values]
    of_known = [one for one in zip(values, drawn, strict=True) if one[0] is not None]
    heights = [BARS.index(one) for _, one in sorted(of_known)]
    assert heights == sorted(heights)
