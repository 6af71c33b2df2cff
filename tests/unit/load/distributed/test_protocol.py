"""Workers and a master over a line that loses, doubles and reorders messages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.ledger.tallies import Tallies
from dragstrip.ledger.tally import Tally
from dragstrip.load.distributed.protocol import SILENT_S, MasterEnd, SliceShare, WorkerEnd
from dragstrip.load.slice_loop import AllWorkersLost, SliceCoordinator, run_slices
from tests.support.runs import plan_of

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.load.distributed.protocol import Orders, Snapshot
    from dragstrip.run.slice_report import SliceReport, WorkerReport

ARRIVALS = 30
RUN = "20250102T030405Z-abcd"


def report_of(worker: int, rows: int, target: int = 0) -> WorkerReport:
    tally = Tally()
    tally.requests = tally.verified = rows
    return {
        "worker": worker,
        "start_ns": 0,
        "end_ns": 1,
        "cpu_s": 0.0,
        "wall_s": 1.0,
        "tallies": {str(target): {"0": tally.encode()}},
    }


@dataclass
class SimulatedWorker:
    """Runs its share of a slice in `pace` steps of the network, and dies when told to."""

    end: WorkerEnd
    pace: int
    dies_at: int | None = None
    joins_at: int = 0
    began: list[int] = field(default_factory=list)
    rows: int = 0
    steps: int = 0
    dead: bool = False
    totals: Tallies = field(default_factory=Tallies)
    _share: SliceShare | None = None
    _left: int = 0

    def hear(self, orders: Orders) -> None:
        share = self.end.hear(orders)
        if share:
            self.began.append(share.slice)
            self._share, self._left = share, self.pace
            self.rows += len(range(share.position, ARRIVALS, share.of))
        if self.end.finishing and self._share is None:
            self.end.finish({"rows": self.rows, "tallies": self.totals.encode()})

    def step(self) -> None:
        self.steps += 1
        self.dead |= self.steps == self.dies_at
        if self._share and not self.dead:
            self._left -= 1
            if self._left <= 0:
                share = len(range(self._share.position, ARRIVALS, self._share.of))
                report = report_of(self.end.worker, share)
                self.totals.merge_encoded(report["tallies"])
                self.end.complete(report)
                self._share = None


class Network:
    """Carries messages as `random` will have it; ten steps are a second."""

    def __init__(
        self, random: Random, paces: list[int], deaths: dict[int, int], loss: float
    ) -> None:
        self.master = MasterEnd(RUN)
        self.workers = [
            SimulatedWorker(WorkerEnd(RUN, number), pace, deaths.get(number))
            for number, pace in enumerate(paces)
        ]
        self._random = random
        self._loss = loss
        self._up: list[Snapshot] = []
        self._down: list[tuple[int, Orders]] = []
        self._steps = 0

    def send(self, worker: int) -> None:
        self._carry(self._down, (worker, self.master.orders(worker)))

    def pause(self) -> None:
        self._steps += 1
        assert self._steps < 20_000, "the race does not come to an end"
        if self._steps % 10 == 0:
            self.master.elapse()
            for worker in self.workers:
                if not worker.dead and worker.joins_at <= self._steps:
                    self._carry(self._up, worker.end.snapshot(worker.rows))
        for worker in self.workers:
            worker.step()
        for snapshot in self._delivered(self._up):
            self.master.hear(snapshot)
            if snapshot["run_id"] == RUN:
                self.send(snapshot["worker"])
        for number, orders in self._delivered(self._down):
            if not self.workers[number].dead:
                self.workers[number].hear(orders)

    def _carry(self, line: list[Any], message: Any) -> None:
        copies = self._random.choice([1, 1, 1, 2, 3])
        line.extend([message] * copies if self._random.random() >= self._loss else [])

    def _delivered(self, line: list[Any]) -> list[Any]:
        self._random.shuffle(line)
        count = self._random.randint(0, len(line))
        delivered, line[:] = line[:count], line[count:]
        return delivered


def race(network: Network, folder: Path) -> tuple[list[SliceReport], dict[str, Any]]:
    plan = plan_of(3, timeout=1)
    coordinator = SliceCoordinator(
        plan,
        network.master,
        present=lambda eligible: eligible(),
        send=network.send,
        pause=network.pause,
    )
    at_once = [worker for worker in network.workers if not worker.joins_at]
    while len(network.master.members) < sum(not worker.dead for worker in at_once):
        network.pause()
    run_slices(plan.slices, coordinator.run_slice, folder)
    finish = coordinator.finish()
    lines = [json.loads(line) for line in (folder / "slices.jsonl").read_text().splitlines()]
    return lines, cast("dict[str, Any]", finish)


def rows_in(tallies: dict[str, Any]) -> int:
    return sum(tally.rows for tally in Tallies.decode(tallies).by_place.values())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    paces=st.lists(st.integers(1, 25), min_size=1, max_size=4),
    loss=st.floats(0, 0.3),
)
def test_totals_are_the_sum_of_the_slices_whatever_becomes_of_messages(
    tmp_path_factory: pytest.TempPathFactory, seed: int, paces: list[int], loss: float
) -> None:
    network = Network(Random(seed), paces, {}, loss)
    lines, finish = race(network, tmp_path_factory.mktemp("race"))

    # So many messages may be lost in a row that a worker passes for lost; then the run says so.
    lost = finish["lost_workers"]
    for line in lines:
        counted = sum(rows_in(one["tallies"]) for one in line["workers"])
        assert counted == ARRIVALS or "was lost" in (line["void"] or "")
        assert line["void"] is None or lost
    for worker in network.workers:
        assert worker.began == sorted(set(worker.began))
        number = worker.end.worker
        if number in lost:
            continue
        mine = [one for line in lines for one in line["workers"] if one["worker"] == number]
        final = finish["workers"][str(number)]
        assert sum(rows_in(one["tallies"]) for one in mine) == worker.rows
        assert final["rows"] == rows_in(final["tallies"]) == worker.rows
        assert len(worker.began) == len(lines)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    paces=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    death=st.integers(1, 200),
)
def test_a_worker_that_dies_voids_the_slices_it_touched_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, seed: int, paces: list[int], death: int
) -> None:
    network = Network(Random(seed), paces, {0: death}, 0.0)
    lines, finish = race(network, tmp_path_factory.mktemp("race"))

    victim = network.workers[0]
    assert len(lines) == 6
    assert set(finish["lost_workers"]) <= {0}
    assert set(finish["workers"]) >= {str(one) for one in range(1, len(paces))}
    for line in lines:
        counted = sum(rows_in(one["tallies"]) for one in line["workers"])
        if line["void"]:
            assert line["void"] == "worker 0 was lost"
            assert victim.dead
            assert counted < ARRIVALS
        else:
            assert counted == ARRIVALS
    assert sum(line["void"] is not None for line in lines) <= 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    paces=st.lists(st.integers(1, 25), min_size=2, max_size=4),
    joins_at=st.integers(1, 150),
)
def test_a_worker_that_comes_late_begins_with_a_pair(
    tmp_path_factory: pytest.TempPathFactory, seed: int, paces: list[int], joins_at: int
) -> None:
    network = Network(Random(seed), paces, {}, 0.0)
    network.workers[-1].joins_at = joins_at
    lines, _ = race(network, tmp_path_factory.mktemp("race"))

    crews = [{one["worker"] for one in line["workers"]} for line in lines]
    assert crews[0::2] == crews[1::2]
    assert all(line["void"] is None for line in lines)


def test_when_nobody_is_left_the_race_ends(tmp_path: Path) -> None:
    network = Network(Random(1), [5, 5], {0: 30, 1: 40}, 0.0)
    with pytest.raises(AllWorkersLost):
        race(network, tmp_path)
    assert network.master.lost == {0: "was lost", 1: "was lost"}


@pytest.fixture
def ends() -> tuple[MasterEnd, WorkerEnd]:
    master, worker = MasterEnd(RUN), WorkerEnd(RUN, 0)
    master.hear(worker.snapshot(0))
    master.announce(0, [0])
    assert worker.hear(master.orders(0)) == SliceShare(0, 0, 1)
    return master, worker


def test_an_older_snapshot_does_not_replace_a_newer_one(ends: tuple[MasterEnd, WorkerEnd]) -> None:
    master, worker = ends
    early = worker.snapshot(3)
    worker.complete(report_of(0, 7))
    master.hear(worker.snapshot(7))
    master.hear(early)
    assert master.report_of(0) == report_of(0, 7)


def test_a_report_is_repeated_until_it_is_acknowledged(ends: tuple[MasterEnd, WorkerEnd]) -> None:
    master, worker = ends
    worker.complete(report_of(0, 7))
    assert [worker.snapshot(7)["report"] for _ in range(3)] == [report_of(0, 7)] * 3
    master.hear(worker.snapshot(7))
    worker.hear(master.orders(0))
    after = worker.snapshot(7)
    assert (after["report"], after["slice"], after["done"]) == (None, 0, True)


def test_messages_of_another_run_are_ignored(ends: tuple[MasterEnd, WorkerEnd]) -> None:
    master, worker = ends
    stranger = WorkerEnd("another", 0)
    stranger.complete(report_of(0, 5))
    stranger.fail("nothing to do with you")
    master.hear(stranger.snapshot(5))
    assert (master.members, master.report_of(0)) == ([0], None)
    assert stranger.hear(master.orders(0)) is None
    assert worker.snapshot(0)["slice"] == 0


def test_a_worker_that_falls_silent_is_lost_and_stays_so(ends: tuple[MasterEnd, WorkerEnd]) -> None:
    master, worker = ends
    for _ in range(SILENT_S):
        master.elapse()
    assert master.members == [0]
    master.elapse()
    assert (master.members, master.lost) == ([], {0: "was lost"})
    worker.complete(report_of(0, 7))
    master.hear(worker.snapshot(7))
    assert master.report_of(0) is None
    worker.hear(master.orders(0))
    assert worker.dismissed


def test_a_worker_that_cannot_go_on_says_why(ends: tuple[MasterEnd, WorkerEnd]) -> None:
    master, worker = ends
    worker.fail("cannot write the ledger x: No space left on device")
    master.hear(worker.snapshot(0))
    assert "No space left on device" in master.lost[0]


def test_a_silence_that_is_excused_is_no_loss(ends: tuple[MasterEnd, WorkerEnd]) -> None:
    master, _ = ends
    for _ in range(3 * SILENT_S):
        master.elapse()
        master.excuse(0)
    assert master.lost == {}
    for _ in range(SILENT_S + 1):
        master.elapse()
    assert master.lost == {0: "was lost"}
