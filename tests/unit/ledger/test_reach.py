"""Which tenths of a second a target answered in, however its rows come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.errors import StorageError
from dragstrip.ledger.layout import ROW
from dragstrip.ledger.reach import Reach, decode, encode, laid_over
from dragstrip.ledger.rows import Outcome, Rows

START_NS = 5_000_000_000
SECOND_NS = 1_000_000_000

states = st.lists(st.integers(0, 2), max_size=60).map(lambda one: np.array(one, np.uint8))


def rows_of(*requests: tuple[int, float, Outcome, int]) -> Rows:
    """Return rows of (target, when it was sent in s, outcome, status)."""
    rows: Rows = np.zeros(len(requests), ROW)
    for row, (target, sent_s, outcome, status) in zip(rows, requests, strict=True):
        row["target"], row["outcome"], row["status"] = target, outcome, status
        row["sent_ns"] = START_NS + round(sent_s * SECOND_NS)
    return rows


def test_an_answer_of_any_kind_is_one_and_what_was_not_sent_says_nothing() -> None:
    reach = Reach(START_NS, START_NS + SECOND_NS)
    reach.add(
        rows_of(
            (0, 0.05, Outcome.OK, 200),
            (0, 0.15, Outcome.HTTP_STATUS, 503),
            (0, 0.25, Outcome.REFUSED, 0),
            (0, 0.35, Outcome.TIMEOUT, 200),
            (0, 0.45, Outcome.UNSENT, 0),
            (0, 0.55, Outcome.OUT_OF_FILES, 0),
            (0, 0.65, Outcome.RESET, 0),
            (0, 1.05, Outcome.OK, 200),
            (1, 0.05, Outcome.REFUSED, 0),
        )
    )
    reach.add(rows_of((1, 0.06, Outcome.OK, 200), (1, 0.07, Outcome.REFUSED, 0)))
    assert reach.encode() == {"0": "a2s1a1n2s1n3", "1": "a1n9"}


@given(states)
def test_it_comes_back_as_encoded(one: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    assert decode(encode(one)).tolist() == one.tolist()


@given(st.lists(states, max_size=4))
def test_whoever_was_answered_speaks_for_all(
    reaches: list[np.ndarray[tuple[int], np.dtype[np.uint8]]],
) -> None:
    whole = laid_over(reaches)
    for place, state in enumerate(whole.tolist()):
        assert state == max(int(one[place]) for one in reaches if place < len(one))


def test_a_damaged_one_takes_no_memory() -> None:
    with pytest.raises(StorageError, match="longer than any slice"):
        decode("a9999999s9999999")
