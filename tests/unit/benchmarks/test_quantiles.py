from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quantiles import error_beyond, nearest_rank, stalled_ms


@given(
    st.lists(st.integers(0, 10**10), min_size=1, max_size=300),
    st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]),
)
def test_a_quantile_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[int], q: float
) -> None:
    found = nearest_rank(np.array(values), q)
    assert found in values
    assert sum(value <= found for value in values) >= q * len(values)
    assert sum(value < found for value in values) < max(q * len(values), 1)


@given(
    rate=st.integers(50, 2000),
    counted_s=st.integers(5, 40),
    stall_ms=st.integers(100, 3000),
    delay_ms=st.integers(0, 50),
    begins=st.floats(0.1, 0.4),
    q=st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_stalls_quantile_is_that_of_its_schedule(
    rate: int, counted_s: int, stall_ms: int, delay_ms: int, begins: float, q: float
) -> None:
    due_ms = (np.arange(rate * counted_s) + 0.5) * 1000 / rate
    ready_ms = due_ms + delay_ms
    from_ms = begins * counted_s * 1000
    stalled = (ready_ms >= from_ms) & (ready_ms < from_ms + stall_ms)
    response_ms = np.where(stalled, from_ms + stall_ms, ready_ms) - due_ms

    theory_ms = stalled_ms(q, stall_ms=stall_ms, counted_ms=counted_s * 1000, delay_ms=delay_ms)
    # A schedule of so many lookups knows times to a few of its steps.
    assert nearest_rank(response_ms, q) == pytest.approx(theory_ms, abs=2.5 * 1000 / rate)


def test_an_error_is_what_the_floor_does_not_explain() -> None:
    assert error_beyond(100.2, 100, 0.2) == pytest.approx(0)
    assert error_beyond(101.2, 100, 0.2) == pytest.approx(0.01)
    assert error_beyond(99, 100, 0.2) == pytest.approx(0.01)
