"""An outage has a target, a beginning and an end, and means the same for either side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dragstrip.analysis.outages import Outages, words
from dragstrip.ledger.reach import ANSWERS, SILENCE, encode
from dragstrip.ledger.rows import Outcome, Rows
from dragstrip.report.text import banners
from dragstrip.run.model import Outage
from tests.support.runs import by_two_workers, conclude, fail, plan_of, record

if TYPE_CHECKING:
    from dragstrip.run.model import Run, Verdict
    from dragstrip.run.plan import PlannedSlice
    from dragstrip.run.slice_report import SliceReport

SIDES = ("old", "new")


def slice_report(index: int, *workers: tuple[str, str], started: float) -> SliceReport:
    """Return a report of which workers reached (old, new) so, and counted nothing."""
    return {
        "index": index,
        "started": started,
        "ended": started + 3,
        "workers": [
            {
                "worker": number,
                "start_ns": round(started * 1e9) + number,
                "end_ns": round(started * 1e9) + 3,
                "cpu_s": 0.0,
                "wall_s": 1.0,
                "reached": {"0": old, "1": new},
                "tallies": {},
            }
            for number, (old, new) in enumerate(workers)
        ],
    }


def outages_of(*slices: tuple[tuple[str, str], ...]) -> list[Outage]:
    found = Outages(SIDES)
    for index, workers in enumerate(slices):
        found.see(slice_report(index, *workers, started=1000.0 + 3 * index))
    return found.found


def test_one_that_goes_on_over_slices_is_one() -> None:
    first, second = ("a30", "a20s10"), ("a30", "s5a25")
    assert outages_of((first,), (second,)) == [Outage(target="new", from_s=2.0, to_s=3.5)]


def test_one_that_does_not_end_is_one() -> None:
    assert outages_of((("a10s20", "a30"),)) == [Outage(target="old", from_s=1.0, to_s=3.0)]


@pytest.mark.parametrize("reach", ["a10s9a11", "s5a1s9a15", "a30", "n30", "a3s1n20s1a5"])
def test_less_than_a_second_or_too_little_is_none(reach: str) -> None:
    assert outages_of(((reach, "a30"),)) == []


def test_a_few_requests_to_an_idle_target_are_enough() -> None:
    found = outages_of((("a5n5s1n9s1n8s1", "a30"),))
    assert found == [Outage(target="old", from_s=1.0, to_s=3.0)]


def test_where_another_worker_was_answered_it_is_the_workers() -> None:
    (found,) = outages_of((("a30", "a30"), ("a30", "a10s15a5")))
    assert found == Outage(target="new", worker=1, from_s=1.0, to_s=2.5)
    assert words(found) == "worker 1 alone could not reach new from 1.0 s to 2.5 s"


def test_what_all_workers_saw_is_said_once() -> None:
    found = outages_of((("a30", "a10s15a5"), ("a30", "a9s17a4")))
    assert found == [Outage(target="new", from_s=1.0, to_s=2.5)]


def judged(gone: str, **rules: Any) -> tuple[Run, Verdict]:
    """Judge a race in which one side is gone for half of one of its slices."""
    plan = plan_of(8)
    target = SIDES.index(gone)
    struck = [one.index for one in plan.slices if one.target == target][3]

    def spoil(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.index == struck:
            fail(rows, slice(0, len(rows) // 2), Outcome.REFUSED, 0)

    reports = record(plan, (20.0, 20.0), spoil=spoil)
    for report in reports:
        down = np.full(30, ANSWERS, np.uint8)
        if report["index"] == struck:
            down[10:20] = SILENCE
        whole = encode(np.full(30, ANSWERS, np.uint8))
        reached = {str(target): encode(down), str(1 - target): whole}
        report["workers"][0]["reached"] = reached
    return conclude(plan, reports, rules=rules)


@pytest.mark.parametrize("gone", SIDES)
def test_by_default_the_run_is_invalid_and_says_what_happened_to_whom(gone: str) -> None:
    run, verdict = judged(gone)
    (outage,) = run.outages
    assert outage.target == gone
    assert outage.to_s - outage.from_s == pytest.approx(1.0)
    assert verdict.verdict == "invalid"
    assert f"outages ({words(outage)})" in verdict.reason
    assert [gate.name for gate in run.gates if not gate.passed] == ["outages"]


@pytest.mark.parametrize(("gone", "word"), [("old", "better"), ("new", "worse")])
def test_where_it_counts_the_side_that_was_gone_loses(gone: str, word: str) -> None:
    run, verdict = judged(gone, outages="count")
    assert verdict.verdict == word
    assert words(run.outages[0]) in verdict.reason
    assert words(run.outages[0]) in banners(run)[0]


def test_that_of_a_worker_alone_never_counts() -> None:
    plan = plan_of(8)
    reports = by_two_workers(record(plan, (20.0, 20.0)))
    for report in reports:
        report["workers"][1]["reached"]["1"] = "s20a10"
    _, verdict = conclude(plan, reports, rules={"outages": "count"})
    assert verdict.verdict == "invalid"
    assert "worker 1 alone could not reach new" in verdict.reason
