from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.known_delays import Log
from benchmarks.matching import Unmatched, match
from dragstrip.ledger.layout import ROW

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows


def made(lookups: int, seed: int) -> tuple[Rows, Log]:
    """Return lookups as the ledger and the server would write them; the same key comes often."""
    random = np.random.default_rng(seed)
    rows = np.zeros(lookups, ROW)
    rows["key"] = random.integers(0, 20, lookups)
    rows["target"] = random.integers(0, 2, lookups)
    rows["sent_ns"] = np.sort(random.integers(0, 10**9, lookups))
    arrival = rows["sent_ns"] + 50
    departure = arrival + random.integers(1000, 10**6, lookups)
    rows["done_ns"] = departure + 70
    order = random.permutation(lookups)
    columns = (rows["target"], 1000 + rows["key"], arrival, departure)
    return rows, Log(*(column.astype(np.int64)[order] for column in columns))


def phone_of(key: int) -> str:
    return str(1000 + key)


@pytest.mark.parametrize("seed", range(5))
def test_every_row_finds_its_own_times_at_the_server(seed: int) -> None:
    rows, log = made(500, seed)
    places = match(rows, log, phone_of)
    assert sorted(places.tolist()) == list(range(500))
    assert (log.arrival_ns[places] - rows["sent_ns"] == 50).all()
    assert (rows["done_ns"] - log.departure_ns[places] == 70).all()


def test_lookups_of_one_phone_number_that_overtook_each_other_are_told_apart() -> None:
    rows = np.zeros(2, ROW)
    rows["sent_ns"], rows["done_ns"] = [100, 101], [900, 500]
    seen = np.array([[103, 800], [102, 400]])
    log = Log(np.zeros(2, np.int64), np.full(2, 1000), seen[:, 0], seen[:, 1])
    assert match(rows, log, phone_of).tolist() == [0, 1]


def test_a_lookup_that_one_side_does_not_know_is_found_out() -> None:
    rows, log = made(100, 1)
    with pytest.raises(Unmatched, match="99 rows, but the server saw 100"):
        match(rows[1:], log, phone_of)
    with pytest.raises(Unmatched, match="other things"):
        match(rows, log, lambda key: phone_of((key + 1) % 20))


def test_an_answer_before_its_request_is_found_out() -> None:
    rows, log = made(100, 1)
    log.departure_ns[:] += 10**9
    with pytest.raises(Unmatched, match="other times"):
        match(rows, log, phone_of)
