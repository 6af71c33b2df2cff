"""Tallies by target and operation are the whole, cut apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.ledger.live_counts import brief, total
from dragstrip.ledger.tallies import Tallies, each, of_target
from dragstrip.ledger.tally import Tally, merged
from dragstrip.run.plan import FINISH_FILE, SLICES_FILE
from dragstrip.run.slice_report import parse_finish, parse_slice
from tests.support.recorded import record_run
from tests.unit.ledger.test_tally import END_NS, some_rows, tally_of

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.ledger.rows import Rows


@st.composite
def of_operations(draw: st.DrawFn) -> Rows:
    rows = draw(some_rows())
    places = st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0, 1, 255])),
        min_size=len(rows),
        max_size=len(rows),
    )
    for row, (target, operation) in enumerate(draw(places)):
        rows["target"][row], rows["operation"][row] = target, operation
    return rows


@given(of_operations(), st.integers(0, 60))
def test_they_add_up_to_the_whole(rows: Rows, cut: int) -> None:
    first, second = Tallies(), Tallies()
    first.add(rows[:cut], END_NS)
    second.add(rows[cut:], END_NS)
    first.merge(second)
    assert _same(merged([Tally(), *first.by_place.values()]), tally_of(rows))
    for (target, operation), tally in first.by_place.items():
        own = rows[(rows["target"] == target) & (rows["operation"] == operation)]
        assert tally == tally_of(own)
        assert tally.rows > 0
    briefs = [one for operations in first.briefs().values() for one in operations.values()]
    assert total(briefs)["verified"] == brief(tally_of(rows))["verified"]


@given(of_operations())
def test_they_come_back_as_encoded(rows: Rows) -> None:
    tallies = Tallies()
    tallies.add(rows, END_NS)
    form = json.loads(json.dumps(tallies.encode()))
    assert Tallies.decode(form).by_place == tallies.by_place
    assert {(target, operation) for target, operation, _ in each(form)} == set(tallies.by_place)
    assert [operation for operation, _ in of_target(form, 1)] == sorted(
        operation for target, operation in tallies.by_place if target == 1
    )
    twice = Tallies.decode(form)
    twice.merge_encoded(form)
    assert sum(tally.rows for tally in twice.by_place.values()) == 2 * len(rows)


def test_reports_of_the_previous_version_are_of_operation_0(tmp_path: Path) -> None:
    folder = record_run(tmp_path / "run")
    slices, finish = list(folder.read_slices()), folder.read_finish()
    assert finish is not None
    for report in slices:
        old = orjson.dumps({**report, "workers": list(map(_flat, report["workers"]))})
        assert b'"0":{"0":' not in old
        assert parse_slice(old) == report
        assert parse_slice(orjson.dumps(report)) == report
    old = orjson.dumps(
        {**finish, "workers": {name: _flat(one) for name, one in finish["workers"].items()}}
    )
    assert parse_finish(old) == finish
    (folder.path / FINISH_FILE).write_bytes(old)
    (folder.path / SLICES_FILE).write_bytes(b"")
    assert folder.read_finish() == finish


def _flat(worker: Any) -> dict[str, Any]:
    return {**worker, "tallies": {name: form["0"] for name, form in worker["tallies"].items()}}


def _same(one: Tally, other: Tally) -> bool:
    """Compare, whether or not a histogram without a value is there."""

    def figures(tally: Tally) -> dict[str, Any]:
        used = {name: each for name, each in tally.histograms.items() if each.total}
        return vars(tally) | {"histograms": used}

    return figures(one) == figures(other)
