"""What the web UI's tabs say of a race, from races that fill their folders up slice by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from dragstrip.analysis.numbers import milliseconds
from dragstrip.live import web_exchange
from dragstrip.live.follow import Follower
from dragstrip.live.progress import Clock
from dragstrip.live.web_tables import tables
from dragstrip.run.plan import SLICES_FILE
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Metric
    from dragstrip.live.web_exchange import Row, Tables
    from dragstrip.run.model import Run, Verdict
    from dragstrip.run.plan import Plan
    from dragstrip.run.slice_report import SliceReport

PAIRS = 6
METRICS: tuple[Metric, ...] = ("p50", "p95", "p99")


def shown(
    folder: Path, plan: Plan, reports: list[SliceReport], facts: Run, verdict: Verdict | None = None
) -> Tables:
    with (folder / SLICES_FILE).open("wb") as file:
        file.writelines(orjson.dumps(report) + b"\n" for report in reports)
    state, clock = Follower(folder, plan, "p95").look(), Clock(plan)
    clock.see(state)
    return tables(facts, state, clock, verdict, "somebody pressed Stop" if verdict else "")


def row(found: Tables, figure: str) -> Row:
    return next(one for one in found["race"] if one["figure"] == figure)


def starved(reports: list[SliceReport]) -> list[SliceReport]:
    for report in reports:
        for worker in report["workers"]:
            worker["cpu_s"] = 2.97
    return reports


def test_before_anything_is_over_nothing_is_claimed(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    run, _ = conclude(plan, [])
    found = shown(tmp_path, plan, [], run)
    assert row(found, "slice 1 of 12, 0:36 left")
    assert row(found, "validity checks: after the first pair")
    for metric in METRICS:
        so_far = row(found, f"{metric} so far")
        assert so_far["baseline"] == so_far["challenger"] == "–"
        assert so_far["ratio"] == "after three pairs"
    assert found["race-slices"] == found["race-conditions"] == []


@pytest.mark.parametrize("slices", [6, 12])
def test_figures_are_the_run_s(tmp_path: Path, slices: int) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = record(plan)[:slices]
    run, _ = conclude(plan, reports)
    found = shown(tmp_path, plan, reports, run)
    sides = {"baseline": run.targets[run.baseline], "challenger": run.targets[run.challenger]}
    for side, totals in sides.items():
        assert row(found, "verified requests")[side] == f"{totals.verified:,}"
        for metric in METRICS:
            assert row(found, f"{metric} so far")[side] == milliseconds(totals.quantile_ms(metric))
    assert [one["verified"] for one in found["race-slices"]] == [s.verified for s in run.slices]
    assert [one["p95"] for one in found["race-slices"]] == [
        milliseconds(s.p95_ms) for s in run.slices
    ]
    assert [one["target"] for one in found["race-slices"]] == [s.target for s in run.slices]


def test_the_last_ratio_is_the_verdict_s(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = record(plan)
    run, verdict = conclude(plan, reports)
    assert verdict.verdict != "invalid"
    found = shown(tmp_path, plan, reports, run, verdict)
    ratio = f"{verdict.ratio:.3f} ({verdict.low:.3f} to {verdict.high:.3f})"
    assert row(found, verdict.metric)["ratio"] == ratio
    assert all(one["holds"] == "yes" for one in found["race-conditions"])
    assert row(found, "somebody pressed Stop")


@pytest.mark.parametrize("is_over", [False, True])
def test_no_ratio_while_a_condition_is_broken_or_where_the_run_is_invalid(
    tmp_path: Path, is_over: bool
) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = starved(record(plan))
    run, verdict = conclude(plan, reports)
    assert verdict.verdict == "invalid"
    found = shown(tmp_path, plan, reports, run, verdict if is_over else None)
    words = [str(one["figure"]) for one in found["race"]]
    assert any(text.startswith("INVALID" if is_over else "failed so far") for text in words)
    assert {one["ratio"] for one in found["race"]} <= {"", "–"}
    assert "NO" in [one["holds"] for one in found["race-conditions"]]


def test_an_interrupted_run_has_no_ratio_though_nothing_was_broken(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS)
    reports = record(plan)[:8]
    run, verdict = conclude(plan, reports)
    assert verdict.verdict == "invalid"
    found = shown(tmp_path, plan, reports, run, verdict)
    assert {one["ratio"] for one in found["race"]} <= {"", "–"}


def test_a_wish_is_taken_once_and_has_no_old_answer(tmp_path: Path) -> None:
    web_exchange.wish(tmp_path, {"pairs": "3"})
    assert web_exchange.take_wish(tmp_path) == {"pairs": "3"}
    assert web_exchange.take_wish(tmp_path) is None
    web_exchange.answer(tmp_path, "too few pairs")
    assert web_exchange.read_answer(tmp_path) == {"problem": "too few pairs"}
    web_exchange.wish(tmp_path, {"pairs": "6"})
    assert web_exchange.read_answer(tmp_path) is None
    web_exchange.show(tmp_path, {"race": []})
    assert not web_exchange.is_over(tmp_path)
    web_exchange.end(tmp_path)
    assert web_exchange.is_over(tmp_path)
    web_exchange.clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert web_exchange.shown(tmp_path) == {}


def test_a_file_that_is_cut_off_shows_nothing(tmp_path: Path) -> None:
    web_exchange.show(tmp_path, {"race": [{"figure": "p50"}]})
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert web_exchange.shown(tmp_path) == {}


def test_operations_have_rows_of_their_own(tmp_path: Path) -> None:
    plan = plan_of(pairs=PAIRS, operations=OPERATIONS)
    reports = record(plan, ((20.0, 10.0), (5.0, 10.0)))
    run, verdict = conclude(plan, reports)
    found = shown(tmp_path, plan, reports, run, verdict)
    assert row(found, "verified requests, message")["baseline"] == f"{100 * PAIRS:,}"
    assert row(found, "failed requests, lookup")["challenger"] == "0"
    assert float(str(row(found, "lookup p95")["ratio"]).split()[0]) < 1
    assert float(str(row(found, "message p95")["ratio"]).split()[0]) > 1
