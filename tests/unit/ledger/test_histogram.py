"""The histogram against plain sorting: sums, ranks, and the text it is stored as."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragstrip.ledger.histogram import MOST_NS, Histogram

TOLERANCE = 0.000_25

durations = st.lists(
    st.integers(0, 5000) | st.integers(0, 10**9) | st.integers(0, MOST_NS), max_size=200
)
shares = st.floats(0, 1) | st.sampled_from([0.5, 0.95, 0.99])


def histogram_of(durations_ns: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add(np.array(durations_ns, np.int64))
    return histogram


def nearest_rank(durations_ns: list[int], q: float, slower: int) -> int | None:
    ranked = [*sorted(durations_ns), *[None] * slower]
    return ranked[max(math.ceil(q * len(ranked)), 1) - 1] if ranked else None


@given(durations, shares, st.integers(0, 50))
@example([1_000_000], 0.5, 1)
@example([1_000_000], 0.51, 1)
def test_a_quantile_is_the_nearest_rank_with_failures_last(
    durations_ns: list[int], q: float, slower: int
) -> None:
    found = histogram_of(durations_ns).quantile_ns(q, slower)
    exact = nearest_rank(durations_ns, q, slower)
    if exact is None:
        assert found is None
    else:
        assert found == pytest.approx(exact, rel=TOLERANCE, abs=0)


@given(st.integers(0, MOST_NS))
def test_every_duration_is_within_its_bins_tolerance(duration_ns: int) -> None:
    # Between a shorter and a longer one, so that the exact extremes do not help.
    found = histogram_of([0, duration_ns, MOST_NS]).quantile_ns(0.5)
    assert found == pytest.approx(duration_ns, rel=TOLERANCE, abs=0)


@given(durations, durations)
def test_merging_is_the_same_as_counting_together(one: list[int], other: list[int]) -> None:
    merged = histogram_of(one)
    merged.merge(histogram_of(other))
    both = histogram_of(one + other)
    assert merged == both
    assert (merged.total, merged.low_ns, merged.high_ns) == (
        len(one + other),
        min(one + other, default=0),
        max(one + other, default=0),
    )


@given(durations)
def test_text_holds_all_of_it(durations_ns: list[int]) -> None:
    histogram = histogram_of(durations_ns)
    again = Histogram.decode(histogram.encode())
    assert again == histogram
    assert again.total == len(durations_ns)


def test_two_that_differ_in_one_count_are_not_equal() -> None:
    assert histogram_of([5, 7, 9]) != histogram_of([5, 8, 9])
    assert histogram_of([5]) != histogram_of([5, 5])


def test_what_is_out_of_range_counts_at_its_end() -> None:
    histogram = histogram_of([-5, MOST_NS + 1])
    assert (histogram.low_ns, histogram.high_ns, histogram.total) == (0, MOST_NS, 2)


@pytest.mark.parametrize("text", ["", "?", "AAAA", histogram_of([5]).encode()[:-8] + "AAAAAAA="])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a histogram"):
        Histogram.decode(text)
