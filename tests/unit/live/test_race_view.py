"""What the live page is told of a race, from a folder that fills up slice by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.analysis.numbers import milliseconds, ratio_within
from dragstrip.ledger.live_counts import BOUNDS_S, Brief, quantile_ms
from dragstrip.live.race_view import RaceView
from dragstrip.run import live_stats
from dragstrip.run.folder import RunFolder
from dragstrip.run.plan import SLICES_FILE
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.run.plan import Plan
    from dragstrip.run.slice_report import SliceReport

PAIRS = 8


def recorded(folder: Path, plan: Plan, reports: list[SliceReport]) -> RaceView:
    stored = RunFolder(folder)
    stored.write_plan(plan)
    stored.write_run(conclude(plan, reports)[0])
    add(folder, reports)
    return RaceView(stored)


def add(folder: Path, reports: list[SliceReport]) -> None:
    with (folder / SLICES_FILE).open("ab") as file:
        file.writelines(orjson.dumps(report) + b"\n" for report in reports)


def test_each_pair_narrows_the_interval_and_the_last_is_the_verdict_s(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = record(plan)
    view = recorded(tmp_path, plan, reports[:4])
    assert "after three pairs" in view.page()["news"]
    assert "narrowing" not in {one["id"] for one in view.pictures()["charts"]}
    seen = []
    for pair in range(2, PAIRS):
        add(tmp_path, reports[2 * pair : 2 * pair + 2])
        seen.append(view.page())
    run, verdict = conclude(plan, reports)
    assert verdict.ratio
    assert verdict.low
    assert verdict.high
    assert ratio_within(verdict.ratio, verdict.low, verdict.high) in seen[-1]["news"]
    assert len({page["pictures"] for page in seen}) == len(seen)
    for number, name in enumerate((run.baseline, run.challenger)):
        quantiles = {row[0]: row[2] for row in seen[-1]["lanes"][number]["quantiles"]}
        assert quantiles["so far"] == milliseconds(run.targets[name].p95_ms)
    charts = {one["id"]: one for one in view.pictures()["charts"]}
    rows = charts["narrowing"]["spec"]["data"]["values"]
    assert [row["pairs"] for row in rows] == list(range(3, PAIRS + 1))
    assert (rows[-1]["ratio"], rows[-1]["low"], rows[-1]["high"]) == pytest.approx(
        (verdict.ratio, verdict.low, verdict.high)
    )
    assert {"within", "slowest", "response", "throughput"} <= set(charts)
    assert all(one["passed"] and one["what"] and one["bound"] for one in seen[-1]["lights"])


def test_while_a_check_fails_there_is_no_ratio_and_the_light_says_what_to_do(
    tmp_path: Path,
) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = record(plan)
    for report in reports:
        for worker in report["workers"]:
            worker["cpu_s"] = 2.97
    view = recorded(tmp_path, plan, reports[:8])
    page = view.page()
    assert "not while a validity check fails" in page["news"]
    broken, *others = page["lights"]
    assert all(one["passed"] for one in others)
    assert broken["what"].startswith("CPU of the busiest")
    assert broken["fix"]
    pictures = view.pictures()["charts"]
    assert "narrowing" not in {one["id"] for one in pictures}
    assert all("this picture proves nothing" in one["html"] for one in pictures)


def test_the_slice_under_way_and_its_first_failure_are_told(tmp_path: Path) -> None:
    lookup, message = OPERATIONS
    operations = (lookup, message.model_copy(update={"writes": True}))
    plan = plan_of(pairs=PAIRS, operations=operations)
    view = recorded(tmp_path, plan, record(plan)[:6])
    target = plan.slices[6].target
    empty = [0] * len(BOUNDS_S)
    counted: Brief = {
        "verified": 10,
        "failed": {"timeout": 3},
        "uncounted": 5,
        "failed_uncounted": {"stale": 1, "http_500": 1, "wrong_duplicate": 1},
        "buckets": [*empty[:20], *([10] * (len(BOUNDS_S) - 20))],
        "sum_s": 1.0,
    }
    before = view.page()
    assert before["now"] is None
    assert before["failures"] == []
    live_stats.write(
        tmp_path,
        {
            "slice": 6,
            "targets": {str(target): {"0": counted, "1": counted}},
            "processes": 1,
            "lost": 0,
        },
    )
    page = view.page()
    assert page["now"] == 6
    assert [lane["is_on"] for lane in page["lanes"]] == [target == 0, target == 1]
    (failure,) = page["failures"]
    assert (failure["reason"], failure["count"], failure["slice"]) == ("timeout", "6", 7)
    more = {
        one["what"]: int(one["sides"][target]) - int(earlier["sides"][target])
        for one, earlier in zip(page["writes"], before["writes"], strict=True)
    }
    assert more == {
        "lookup, missed an acknowledged write": 1,
        "message, sent, and sent again": 18,
        "message, acknowledged": 13,
        "message, not acknowledged": 5,
        "message, wrongly called new or duplicate": 1,
    }
    assert view.page()["failures"] == page["failures"]


@given(
    st.lists(st.floats(0.0006, 79), min_size=1, max_size=200),
    st.integers(0, 50),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_quantile_of_buckets_is_within_a_bucket_of_the_true_one(
    times_s: list[float], failed: int, share: float
) -> None:
    counted: Brief = {
        "verified": len(times_s),
        "failed": {"timeout": failed} if failed else {},
        "uncounted": 0,
        "failed_uncounted": {},
        "buckets": [sum(one <= bound for one in times_s) for bound in BOUNDS_S],
        "sum_s": sum(times_s),
    }
    rank = share * (len(times_s) + failed)
    found = quantile_ms(counted, share)
    if rank > len(times_s):
        assert found is None
        return
    assert found is not None
    true_ms = sorted(times_s)[max(0, -int(-rank // 1) - 1)] * 1000
    assert true_ms / 1.3 <= found <= true_ms * 1.3
