"""Which windows a soak plays."""

from __future__ import annotations

import pytest

from dragstrip.soak.soak import windows_of
from tests.support.runs import plan_of


@pytest.mark.parametrize("only", [0, 1])
def test_one_target_has_every_window_and_the_same_arrivals(only: int) -> None:
    plan = plan_of(pairs=12)
    both, alone = windows_of(plan, None), windows_of(plan, only)
    assert both == plan.slices
    assert [one.index for one in alone] == list(range(12))
    assert {one.target for one in alone} == {only}
    # Arrivals follow from the pair.
    assert [one.pair for one in alone] == [one.pair for one in both if one.target == only]
