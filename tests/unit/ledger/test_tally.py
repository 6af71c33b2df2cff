"""A tally against plain counting, and that it does not matter how the rows were dealt out."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.ledger.layout import ROW
from dragstrip.ledger.rows import ABSENT, Flag, Outcome, Rows
from dragstrip.ledger.tally import HISTOGRAMS, Tally

END_NS = 1_000_000


@st.composite
def some_rows(draw: st.DrawFn) -> Rows:
    """Draw rows that ended, of every kind there is."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows: Rows = np.zeros(draw(st.integers(0, 60)), ROW)
    n = len(rows)
    rows["scheduled_ns"] = random.integers(0, 2 * END_NS, n)
    rows["sent_ns"] = rows["scheduled_ns"] + random.integers(0, END_NS, n)
    rows["done_ns"] = rows["sent_ns"] + random.integers(0, END_NS, n)
    for name in ("first_byte_us", "query_us", "total_us"):
        rows[name] = np.where(random.random(n) < 0.3, ABSENT, random.integers(0, 9000, n))
    rows["bytes"], rows["opened"] = random.integers(0, 999, n), random.integers(0, 3, n)
    rows["reconnected"] = random.integers(0, 2, n)
    rows["flags"] = random.integers(0, 4, n) | random.choice([0, Flag.REPEATED], n)
    failed = random.random(n) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    rows["outcome"] = np.where(failed, random.integers(Outcome.OK, len(Outcome), n), Outcome.OK)
    rows["status"] = random.choice([200, 500, 503], n)
    return rows


def tally_of(rows: Rows) -> Tally:
    tally = Tally()
    tally.add(rows, END_NS)
    return tally


@given(some_rows())
def test_counts_are_those_of_counting_row_by_row(rows: Rows) -> None:
    tally = tally_of(rows)
    counted = [row for row in rows if row["flags"] & Flag.COUNTED]
    others = [row for row in rows if not row["flags"] & Flag.COUNTED]
    right = [row for row in counted if row["outcome"] == Outcome.OK]
    sent = [row for row in counted if row["outcome"] != Outcome.UNSENT]

    assert (tally.requests, tally.uncounted, tally.rows) == (len(counted), len(others), len(rows))
    assert (tally.verified, tally.failures) == (len(right), len(counted) - len(right))
    assert tally.on_time == sum(row["sent_ns"] <= END_NS for row in sent)
    assert tally.no_connection == sum(bool(row["flags"] & Flag.NO_CONNECTION) for row in counted)
    assert tally.opened == sum(int(row["opened"]) for row in counted)
    assert tally.reconnected == sum(int(row["reconnected"]) for row in counted)
    repeated = [row for row in counted if row["flags"] & Flag.REPEATED]
    assert tally.repeated == len(repeated)
    assert tally.bytes == sum(int(row["bytes"]) for row in counted)
    wrong = {Outcome.WRONG_ANSWER, Outcome.CONTENT_TYPE, Outcome.NOT_JSON, Outcome.TOO_LARGE}
    assert tally.wrong == sum(Outcome(row["outcome"]) in wrong for row in rows)
    assert tally.failed == _reasons(counted)
    assert tally.failed_uncounted == _reasons(others)
    durations = {
        "response": [row["done_ns"] - row["scheduled_ns"] for row in right],
        "repeated": [
            row["done_ns"] - row["scheduled_ns"] for row in repeated if row["outcome"] == Outcome.OK
        ],
        "service": [row["done_ns"] - row["sent_ns"] for row in right],
        "send_delay": [
            row["sent_ns"] - row["scheduled_ns"]
            for row in sent
            if not row["flags"] & Flag.NO_CONNECTION
        ],
        **{
            name: [1000 * int(row[f"{name}_us"]) for row in right if row[f"{name}_us"] != ABSENT]
            for name in ("first_byte", "query", "total")
        },
    }
    assert set(durations) == set(HISTOGRAMS)
    for name, values in durations.items():
        exact = sorted(values)[(len(values) - 1) // 2] / 1e6 if values else None
        assert_near(tally.part_ms(name, 0.5), exact)
        if name in tally.histograms:
            assert tally.histograms[name].total == len(values)


@given(some_rows(), st.lists(st.integers(0, 60), max_size=4), st.integers(0, 2**32))
def test_dealing_rows_out_over_processes_and_time_changes_nothing(
    rows: Rows, cuts: list[int], seed: int
) -> None:
    whole = tally_of(rows)
    shuffled = np.random.default_rng(seed).permutation(rows)
    parts = np.split(shuffled, sorted(cuts))
    in_time = Tally()
    for part in parts:
        in_time.add(part, END_NS)
    over_processes = Tally()
    for part in parts:
        over_processes.merge(Tally.decode(json.loads(json.dumps(tally_of(part).encode()))))
    assert in_time == whole
    assert over_processes == whole


@given(some_rows())
@settings(max_examples=30)
def test_failures_rank_as_slower_than_any_answer(rows: Rows) -> None:
    rows["flags"] = Flag.COUNTED
    tally = tally_of(rows)
    right = rows[rows["outcome"] == Outcome.OK]
    ranked = sorted((right["done_ns"] - right["scheduled_ns"]).tolist())
    ranked += [None] * (len(rows) - len(ranked))
    for q in (0.5, 0.95):
        exact = ranked[max(int(np.ceil(q * len(ranked))), 1) - 1] if ranked else None
        assert_near(tally.quantile_ms(q), None if exact is None else exact / 1e6)


def test_tallies_of_other_rows_are_not_equal() -> None:
    rows: Rows = np.zeros(3, ROW)
    rows["outcome"], rows["flags"] = Outcome.OK, Flag.COUNTED
    later = rows.copy()
    later["done_ns"][1] = 5
    assert tally_of(rows) != tally_of(later)
    assert tally_of(rows) != tally_of(rows[:2])
    assert tally_of(rows) == tally_of(rows.copy())


def test_asking_changes_nothing() -> None:
    tally = Tally()
    assert tally.quantile_ms(0.5) is None
    assert tally.part_ms("service", 0.5) is None
    assert tally == Tally()


def assert_near(found: float | None, exact: float | None) -> None:
    if exact is None:
        assert found is None
    else:
        assert found == pytest.approx(exact, rel=0.000_25)


def _reasons(rows: list[np.void]) -> dict[str, int]:
    outcomes = [(Outcome(row["outcome"]), int(row["status"])) for row in rows]
    return Counter(
        outcome.reason(status) for outcome, status in outcomes if outcome is not Outcome.OK
    )
