"""Counts over time: each request once, in the stretch and the bin that it belongs to."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.analysis.heat import HIGHEST, LOWEST, MOST_STRETCHES, _Grid, heat, start_ms
from dragstrip.ledger.reader import Segment
from tests.support.runs import SECOND, STARTED, conclude, fail, plan_of, record, rows_of
from tests.support.stored import store

if TYPE_CHECKING:
    from pathlib import Path

PLAN = plan_of(pairs=6)
RUN, _ = conclude(PLAN, record(PLAN))
OWN = [one for one in PLAN.slices if one.target == 1]


@given(
    st.lists(
        st.tuples(st.floats(1e-3, 1e6), st.booleans(), st.integers(0, len(OWN) - 1)), min_size=1
    )
)
@settings(max_examples=60)
def test_every_request_is_counted_once_where_it_belongs(
    requests: list[tuple[float, bool, int]],
) -> None:
    grid = _Grid(RUN, PLAN)
    expected: Counter[int | None] = Counter()
    slowest = 0.0
    for number, slice_ in enumerate(OWN):
        mine = [(took_ms, failed) for took_ms, failed, place in requests if place == number]
        rows = rows_of(slice_, np.array([took_ms for took_ms, _ in mine]), start_ns=0)
        for n, (took_ms, failed) in enumerate(mine):
            tenth = int(np.floor(np.log10(int(took_ms * 1e6) / 1e6) * 10))
            expected[None if failed else min(max(tenth, LOWEST), HIGHEST - 1)] += 1
            if failed:
                fail(rows, slice(n, n + 1))
            else:
                slowest = max(slowest, int(took_ms * 1e6) / 1e6)
        began_ns = round((STARTED.timestamp() + 3 * slice_.index) * SECOND)
        assert grid.add(Segment(number, 0, began_ns, 0, rows)) == number
    found = grid.heat()
    assert found["old"] == []
    counted: Counter[int | None] = Counter()
    for one in found["new"]:
        counted.update(one.counts)
        counted[None] += one.failed
        at = (one.from_s + one.to_s) / 2
        assert any(3 * part.index <= at <= 3 * part.index + 3 for part in OWN)
    assert counted + Counter() == expected
    assert max(one.slowest_ms for one in found["new"]) == slowest


def test_what_is_of_the_other_target_or_under_way_is_left_out() -> None:
    grid = _Grid(RUN, PLAN)
    rows = rows_of(OWN[0], np.array([5.0, 6.0, 7.0]), start_ns=0)
    rows["target"][0] = 0
    rows["outcome"][1] = 1
    grid.add(Segment(0, 0, round(STARTED.timestamp() * SECOND), 0, rows))
    assert [one.requests for one in grid.heat()["new"]] == [1]


def test_without_a_ledger_each_slice_is_a_stretch(tmp_path: Path) -> None:
    folder = store(tmp_path)
    run = folder.read_run()
    for name, found in heat(folder, run).items():
        own = [one for one in run.slices if one.target == name]
        assert [one.requests for one in found] == [one.requests for one in own]
        for stretch, part in zip(found, own, strict=True):
            bin_ = stretch.bin_of(0.95)
            assert bin_ is not None
            assert part.p95_ms
            assert start_ms(bin_) * 0.999 <= part.p95_ms <= start_ms(bin_ + 1) * 1.001


@given(st.floats(0.1, 1e6))
def test_a_race_of_any_length_has_few_stretches(whole_s: float) -> None:
    first, *_ = RUN.slices
    ended = first.started + timedelta(seconds=whole_s)
    long = RUN.model_copy(update={"slices": [first.model_copy(update={"ended": ended})]})
    grid = _Grid(long, PLAN)
    assert 1 <= grid._stretches <= MOST_STRETCHES
    assert grid._stretches * grid._width_s >= whole_s * 0.999
