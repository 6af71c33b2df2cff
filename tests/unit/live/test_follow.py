"""What is served of a race whose folder fills up slice by slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.cli.main import main
from dragstrip.errors import UsageError
from dragstrip.ledger.live_counts import BOUNDS_S, brief, total
from dragstrip.ledger.tally import Tally
from dragstrip.live import metrics_server
from dragstrip.live.follow import Follower
from dragstrip.load.distributed.protocol import MasterEnd, WorkerEnd
from dragstrip.race import otel
from dragstrip.run import live_stats
from dragstrip.run.plan import SLICES_FILE
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record, report_of, rows_of

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from dragstrip.ledger.live_counts import Brief
    from dragstrip.run.slice_report import SliceReport

durations = st.lists(st.integers(0, 10**11), max_size=60)


def tally_of(durations_ns: list[int]) -> Tally:
    plan = plan_of()
    rows = rows_of(plan.slices[0], np.array(durations_ns, float) / 1e6, 0)
    tally = Tally()
    tally.add(rows, 10**12)
    return tally


@given(durations, durations)
def test_a_brief_counts_what_its_bounds_hold_and_adds_up(one: list[int], other: list[int]) -> None:
    both = total([brief(tally_of(one)), brief(tally_of(other))])
    together = brief(tally_of(one + other))
    assert both["buckets"] == together["buckets"]
    assert both["verified"] == together["verified"] == len(one) + len(other)
    assert both["sum_s"] == pytest.approx(together["sum_s"])
    exact = [ns / 1e9 for ns in one + other]
    assert together["sum_s"] == pytest.approx(sum(exact), rel=3e-4, abs=1e-6)
    for bound, count in zip(BOUNDS_S, together["buckets"], strict=True):
        assert sum(s <= bound for s in exact) <= count <= sum(s <= bound * 1.0006 for s in exact)


def append(folder: Path, report: SliceReport) -> None:
    with (folder / SLICES_FILE).open("ab") as file:
        file.write(orjson.dumps(report) + b"\n")


def under_way(index: int, target: int, verified: int, lost: int = 0) -> live_stats.Live:
    counted: Brief = {**total([]), "verified": verified}
    return {"slice": index, "targets": {str(target): {"0": counted}}, "processes": 2, "lost": lost}


def test_every_slice_counts_once_and_a_line_cut_off_not_yet(tmp_path: Path) -> None:
    plan = plan_of(pairs=2)
    reports = record(plan)
    follower = Follower(tmp_path, plan, "p95")
    assert follower.look().slices_done == 0
    for count, report in enumerate(reports, start=1):
        line = orjson.dumps(report) + b"\n"
        for part in (line[:50], line[50:]):
            with (tmp_path / SLICES_FILE).open("ab") as file:
                file.write(part)
            state = follower.look()
        assert state.slices_done == follower.look().slices_done == count
        assert state.pairs_complete == count // 2
    run, _ = conclude(plan, reports)
    for target, counted in zip(plan.targets, state.counted, strict=True):
        assert counted["verified"] == run.targets[target.name].verified
    known = {gate.name: gate for gate in run.gates}
    assert all(known[gate.name] == gate for gate in state.gates)


def test_a_slice_under_way_counts_until_its_report_is_there(tmp_path: Path) -> None:
    plan = plan_of(pairs=1)
    slice_ = plan.slices[0]
    follower = Follower(tmp_path, plan, "p95")
    for verified in (40, 150):
        live_stats.write(tmp_path, under_way(slice_.index, slice_.target, verified))
        state = follower.look()
        assert state.counted[slice_.target]["verified"] == verified
        assert state.slice_ == slice_
    append(tmp_path, record(plan)[0])
    state = follower.look()
    assert state.counted[slice_.target]["verified"] == 200
    assert state.slice_ is None


def test_counters_stay_where_they_were_when_a_process_takes_its_counts_with_it(
    tmp_path: Path,
) -> None:
    plan = plan_of(pairs=1)
    slice_ = plan.slices[0]
    follower = Follower(tmp_path, plan, "p95")
    live_stats.write(tmp_path, under_way(slice_.index, slice_.target, 150))
    follower.look()
    left = report_of(slice_, rows_of(slice_, np.full(90, 5.0), 0), 0)
    append(tmp_path, {**left, "void": "worker 1 was lost"})
    live_stats.write(tmp_path, under_way(slice_.index, slice_.target, 90, lost=1))
    state = follower.look()
    assert state.counted[slice_.target]["verified"] == 150
    assert state.lost == 1


def test_the_master_adds_up_what_workers_count_of_the_slice_under_way() -> None:
    master, workers = MasterEnd("run"), [WorkerEnd("run", number) for number in (0, 1)]
    for worker in workers:
        master.hear(worker.snapshot(0))
    master.announce(3, [0, 1])
    one = brief(tally_of([10**7] * 5))
    master.hear(
        workers[0].snapshot(9, {"slice": 3, "targets": {"1": {"0": one}, "0": {"0": total([])}}})
    )
    master.hear(workers[1].snapshot(9, {"slice": 2, "targets": {"1": {"0": one}}}))
    assert master.live()["targets"]["1"]["0"]["verified"] == 5
    master.hear(workers[1].snapshot(9, {"slice": 3, "targets": {"1": {"0": one}}}))
    found = master.live()
    assert (found["slice"], found["processes"], found["lost"]) == (3, 2, 0)
    assert found["targets"] == {"0": {"0": total([])}, "1": {"0": total([one, one])}}


def test_the_master_adds_up_each_operation_of_the_slice_under_way() -> None:
    master, workers = MasterEnd("run"), [WorkerEnd("run", number) for number in (0, 1)]
    for worker in workers:
        master.hear(worker.snapshot(0))
    master.announce(3, [0, 1])
    one, other = brief(tally_of([10**7] * 5)), brief(tally_of([10**6] * 3))
    master.hear(workers[0].snapshot(9, {"slice": 3, "targets": {"1": {"0": one, "1": other}}}))
    master.hear(workers[1].snapshot(9, {"slice": 3, "targets": {"1": {"1": other}, "0": {}}}))
    assert master.live()["targets"] == {"1": {"0": one, "1": total([other, other])}}


def test_operations_are_followed_one_by_one(tmp_path: Path) -> None:
    plan = plan_of(pairs=3, operations=OPERATIONS)
    follower = Follower(tmp_path, plan, "p95", "message")
    reports = record(plan, ((20.0, 10.0), (5.0, 10.0)))
    for report in reports[:5]:
        append(tmp_path, report)
    last = plan.slices[5]
    counted: Brief = {**total([]), "verified": 7}
    live_stats.write(
        tmp_path,
        {"slice": 5, "targets": {str(last.target): {"1": counted}}, "processes": 1, "lost": 0},
    )
    state = follower.look()
    run, verdict = conclude(plan, reports[:4], rules={"operation": "message"})
    found = state.ratio("p95", "message")
    assert state.decisive == verdict.operation == "message"
    assert found is not None
    assert found.ratio == pytest.approx(2, rel=0.2)
    assert state.totals["new"].operations == {
        name: each.model_copy(update={"distribution": []})
        for name, each in run.targets["new"].operations.items()
    }
    verified = [[each["verified"] for each in side] for side in state.by_operation]
    done = [slice_.target for slice_ in plan.slices[:5]]
    expected = [[100 * done.count(target), 100 * done.count(target)] for target in (0, 1)]
    expected[last.target][1] += 7
    assert verified == expected
    assert [each["verified"] for each in state.counted] == [sum(side) for side in expected]


@pytest.fixture
def taken() -> socket.socket:
    import socket as sockets

    return sockets.create_server(("127.0.0.1", 0))


def test_a_port_that_is_taken_is_refused_before_anything_starts(
    taken: socket.socket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGSTRIP_HOME", str(tmp_path))
    monkeypatch.setenv("DRAGSTRIP_LAB_HOME", str(tmp_path / "lab"))
    port = taken.getsockname()[1]
    with taken, pytest.raises(SystemExit) as left:
        main(["race", "--metrics-port", str(port)])
    assert left.value.code == 2
    assert f"race.metrics_port: cannot serve metrics on 127.0.0.1:{port}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    race = plan_of(metrics_port=20_000, metrics_host=host).race
    with pytest.raises(UsageError, match=r"race\.metrics_port: cannot serve metrics on "):
        metrics_server.require_port(race)


@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_that_is_none_is_refused_by_name(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["race", "--metrics-port", port])
    assert left.value.code == 2
    assert "race.metrics_port" in capsys.readouterr().err


def test_opentelemetry_that_is_not_installed_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM_API_KEY", "a-secret")
    monkeypatch.setenv("DRAGSTRIP_WORKER_TOKEN", "a-token-of-this-race")
    monkeypatch.setattr(otel, "find_spec", lambda _: None)
    for command in (["race", "--otel"], ["worker", "localhost", "--otel"]):
        with pytest.raises(SystemExit) as left:
            main(command)
        assert left.value.code == 2
        assert 'pip install "dragstrip[otel]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_opentelemetry_exports_by_http_unless_told_otherwise() -> None:
    assert otel.variables({}) == {otel.PROTOCOL: "http/protobuf"}
    assert otel.variables({otel.PROTOCOL: "grpc"}) == {}
