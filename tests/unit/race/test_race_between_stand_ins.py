"""Races between servers whose behaviour is known, so that what is reported can be checked."""

from __future__ import annotations

import csv
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import psutil
import pytest

from dragstrip.ledger.rows import Flag, Outcome
from dragstrip.measure import arrivals
from dragstrip.race import conclude
from tests.lab.lab_homes import wait_until
from tests.support.races import DATASET, Quiet, configure, run
from tests.support.stand_in import API_KEY, StandIn, response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.ledger.rows import Rows
    from dragstrip.race import Result


@pytest.fixture
def old() -> Iterator[StandIn]:
    with StandIn(DATASET).serving() as server:
        yield server


@pytest.fixture
def new() -> Iterator[StandIn]:
    with StandIn(DATASET).serving() as server:
        yield server


def rows_of(result: Result) -> Rows:
    return np.concatenate([segment.rows for segment in result.folder.read_ledger()])


def locust_totals(result: Result) -> dict[str, tuple[int, int]]:
    """Return Locust's own (requests, failures) by name."""
    with (result.folder.path / "locust_stats.csv").open() as file:
        return {
            row["Name"]: (int(row["Request Count"]), int(row["Failure Count"]))
            for row in csv.DictReader(file)
        }


def keys_of(server: StandIn) -> list[int | None]:
    return [DATASET.index(parse_qs(urlsplit(path).query)["phone"][0]) for path in server.lookups]


@pytest.mark.parametrize("processes", [1, 2])
def test_every_planned_lookup_is_sent_verified_and_recorded_once(
    tmp_path: Path, old: StandIn, new: StandIn, processes: int
) -> None:
    result = run(tmp_path, configure(old, new), processes=processes)
    rows, plan = rows_of(result), result.folder.read_plan()

    assert result.unfinished == ""
    assert not result.run.interrupted
    assert (rows["outcome"] == Outcome.OK).all()
    for number, server in enumerate((old, new)):
        mine = rows[rows["target"] == number]
        assert len(mine) == len(server.lookups)
        assert sorted(mine["key"].tolist()) == sorted(keys_of(server), key=lambda key: key or 0)
        assert locust_totals(result)[plan.targets[number].name] == (len(mine), 0)
    for turn in plan.slices:
        own = rows[(rows["slice"] == turn.index) & (rows["target"] == turn.target)]
        other = rows[(rows["slice"] == turn.index) & (rows["target"] != turn.target)]
        assert sorted(own["key"].tolist()) == sorted(arrivals.of_slice(plan, turn).keys.tolist())
        assert sorted(other["key"].tolist()) == sorted(arrivals.trickle(plan, turn).keys.tolist())
        assert not (other["flags"] & Flag.COUNTED).any()


def test_locusts_own_files_stand_in_the_run_folder_wherever_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: StandIn, new: StandIn
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = run(Path("runs"), configure(old, new)).folder.path
    assert {path.name for path in folder.glob("locust*")} == {
        "locust.html",
        "locust.log",
        "locust_exceptions.csv",
        "locust_failures.csv",
        "locust_stats.csv",
        "locust_stats_history.csv",
    }
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"ledger"}


def test_both_sides_of_a_pair_had_the_same_keys_at_the_same_offsets(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    result = run(tmp_path, configure(old, new))
    rows, plan = rows_of(result), result.folder.read_plan()
    starts = {report["index"]: report["workers"][0] for report in result.folder.read_slices()}

    def offsets(turn: Any) -> list[tuple[int, int]]:
        mine = rows[(rows["slice"] == turn.index) & (rows["target"] == turn.target)]
        due = mine["due_ns"] - starts[turn.index]["start_ns"]
        return sorted(zip(due.tolist(), mine["key"].tolist(), strict=True))

    assert offsets(plan.slices[0]) == offsets(plan.slices[1])
    assert offsets(plan.slices[2]) == offsets(plan.slices[3])
    assert offsets(plan.slices[0]) != offsets(plan.slices[2])


def test_everything_stored_can_be_computed_again(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    result = run(tmp_path, configure(old, new))
    stored = result.folder.read_run()
    bare = stored.model_copy(update={"targets": {}, "slices": [], "gates": []})
    run_again, verdict_again = conclude(result.folder, bare, interrupted=False)

    assert run_again == stored
    assert verdict_again == result.verdict
    # By hand, without the code under test: one slice and one total.
    rows = rows_of(result)
    counted = rows[(rows["flags"] & 1 != 0) & (rows["target"] == 1)]
    response = np.sort(counted["done_ns"] - counted["due_ns"]) / 1e6
    assert stored.targets["new"].verified == len(counted)
    p95_ms = response[int(np.ceil(0.95 * len(response))) - 1]
    assert stored.targets["new"].p95_ms == pytest.approx(p95_ms, rel=2.5e-4)
    assert stored.targets["new"].query_p50_ms == 0.25
    assert stored.targets["new"].total_p50_ms == 1.5


def test_wrong_answers_are_failures_and_make_the_run_invalid(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    def another_contact(count: int, body: dict[str, object]) -> bytes | None:
        return response(DATASET.answer(1) | {"last_interaction": 1}) if count % 10 == 0 else None

    new.misbehave = another_contact
    result = run(tmp_path, configure(old, new))

    wrong = len(new.lookups) // 10
    assert (rows_of(result)["outcome"] == Outcome.WRONG_ANSWER).sum() == wrong
    assert locust_totals(result)["new"] == (len(new.lookups), wrong)
    assert result.verdict.verdict == "invalid"
    assert [g.name for g in result.verdict.gates if not g.passed].count("wrong_answers") == 1
    assert "wrong_answer" in (result.folder.path / "locust_failures.csv").read_text()


def test_a_target_that_fails_fast_does_not_win(tmp_path: Path, old: StandIn, new: StandIn) -> None:
    old.delay_s = lambda _: 0.03
    new.misbehave = lambda count, _: response({}, 500) if count % 4 == 0 else None
    result = run(tmp_path, configure(old, new, pairs=6))

    assert result.run.targets["new"].failed.keys() == {"http_500"}
    assert result.verdict.verdict in {"worse", "invalid"}
    assert result.run.targets["new"].p95_ms is None


def test_an_injected_delay_comes_out_as_the_right_ratio(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    old.delay_s = lambda _: 0.2
    new.delay_s = lambda _: 0.1
    result = run(tmp_path, configure(old, new, pairs=6, rate=150, users=64, slice=0.8))
    # Whatever this machine adds to both, it only brings the ratio nearer to 1.
    if result.verdict.verdict != "invalid":
        assert result.verdict.ratio is not None
        assert 0.5 <= result.verdict.ratio < 1
    assert result.run.targets["old"].service_p50_ms is not None
    assert result.run.targets["old"].service_p50_ms >= 200
    assert result.run.targets["new"].service_p50_ms is not None
    assert result.run.targets["new"].service_p50_ms >= 100


def test_a_target_that_stalls_is_waited_for_and_nothing_is_dropped(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    new.delay_s = lambda count: 30.0 if count > 40 else 0.0
    result = run(tmp_path, configure(old, new, pairs=1, timeout=0.5, users=4))
    rows, plan = rows_of(result), result.folder.read_plan()

    for turn in plan.slices:
        own = rows[(rows["slice"] == turn.index) & (rows["target"] == turn.target)]
        assert len(own) == len(arrivals.of_slice(plan, turn))
    stalled = rows[rows["target"] == 1]
    assert {Outcome.TIMEOUT, Outcome.UNSENT} <= set(stalled["outcome"].tolist())
    assert result.verdict.verdict == "invalid"
    assert result.run.targets["new"].no_slot > 0


def test_a_port_that_closes_is_a_failure_not_a_crash(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    new.misbehave = lambda _n, _body: b"connection: close"
    result = run(tmp_path, configure(old, new, pairs=1))
    assert result.unfinished == ""
    assert result.run.targets["new"].failed.keys() == {"connection"}
    assert result.run.targets["new"].verified == 0


def test_the_key_is_in_nothing_that_is_stored_or_listed(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    seen: list[str] = []

    class Spy(Quiet):
        def slices(self, done: int, planned: int) -> None:
            del done, planned
            for child in locust_processes():
                with suppress(psutil.Error):
                    seen.append(" ".join(child.cmdline()))

    result = run(tmp_path, configure(old, new), processes=2, progress=Spy())
    assert any("locust" in line for line in seen)
    assert API_KEY not in "".join(seen)
    for file in result.folder.path.rglob("*"):
        if file.is_file():
            assert API_KEY.encode() not in file.read_bytes(), file


class Saboteur(Quiet):
    """Does something once the first slice is over."""

    def __init__(self, deed: Any) -> None:
        self._deed = deed

    def slices(self, done: int, planned: int) -> None:
        del planned
        if done >= 1 and self._deed:
            deed, self._deed = self._deed, None
            deed()


def locust_processes() -> list[psutil.Process]:
    """Return the running ones; other tests' children, a lab among them, are none of them."""
    return [child for child in psutil.Process().children(recursive=True) if runs_locust(child)]


def runs_locust(process: psutil.Process) -> bool:
    try:
        return "locust" in process.cmdline()
    except psutil.Error:
        return False


def test_an_interrupt_keeps_what_was_measured_and_leaves_no_process(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    result = run(tmp_path, configure(old, new, pairs=20), progress=Saboteur(interrupt))

    assert result.unfinished == "interrupted"
    assert result.run.interrupted
    assert result.verdict.verdict == "invalid"
    assert result.folder.read_run() == result.run
    assert len(rows_of(result)) > 50
    assert locust_processes() == []


def test_a_lost_worker_voids_its_slice_and_makes_the_race_invalid(
    tmp_path: Path, old: StandIn, new: StandIn
) -> None:
    def kill_a_worker() -> None:
        newest = max(locust_processes(), key=lambda process: process.pid)
        newest.kill()

    config = configure(old, new, pairs=3, timeout=1)
    result = run(tmp_path, config, processes=2, progress=Saboteur(kill_a_worker))

    assert result.unfinished == ""
    assert "was lost" in "".join(one.get("void") or "" for one in result.folder.read_slices())
    assert result.verdict.verdict == "invalid"
    wait_until(lambda: locust_processes() == [])
