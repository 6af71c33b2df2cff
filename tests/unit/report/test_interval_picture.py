from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.config import RulesConfig
from dragstrip.report.interval_picture import WIDTH, draw
from tests.unit.report.test_reports import examples

RULES = RulesConfig()
POSITIVE = st.floats(1e-6, 1e6)


@given(POSITIVE, st.floats(1, 99), st.floats(0, 1))
def test_the_interval_stands_where_its_figures_say(low: float, factor: float, at: float) -> None:
    high = low * factor
    ratio = math.exp(math.log(low) + at * math.log(factor)) if factor > 1 else low
    verdict = examples()["adopt"][1].model_copy(
        update={"ratio": min(max(ratio, low), high), "low": low, "high": high}
    )
    _, interval, axis, _ = draw(verdict, RULES)
    assert len(interval) <= WIDTH
    assert "●" in interval
    one = axis.index("│")
    # A character is a step of the scale: within one, either side is right.
    if low > 1.25:
        assert interval.index(interval.strip()[0]) >= one
    if high < 0.8:
        assert len(interval) - 1 <= one


def test_no_picture_without_an_interval_or_of_an_invalid_run() -> None:
    for name, (_, verdict) in examples().items():
        drawn = bool(draw(verdict, RULES))
        assert drawn == (verdict.low is not None and verdict.verdict != "invalid"), name
