"""Races of several processes: what the master says is what the workers' ledgers hold."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
import zmq

from dragstrip.analysis.recount import recount
from dragstrip.ledger.rows import Outcome
from dragstrip.ledger.tally import Tally
from dragstrip.race.locust_process import log_tail
from dragstrip.run.ipc import TOKEN_VARIABLE
from tests.support import locust_runs
from tests.support.races import DATASET, Raced, racing, sections
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import psutil

    from dragstrip.run.slice_report import Finish, SliceReport

CROWD = 30
_PATIENCE_S = 150
_OTHER_VERSION = "import dragstrip.version\ndragstrip.version.VERSION = '0.0.9'\n"


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, also where several races start at once on a busy machine."""
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "the condition did not come to hold"
        time.sleep(0.02)


@dataclass
class WorkerProcess:
    """A `dragstrip worker` in a folder of its own."""

    place: Path
    process: subprocess.Popen[str]

    def wait(self) -> tuple[int, str]:
        """Return its exit code and what it said."""
        said = self.process.communicate(timeout=_PATIENCE_S)[1]
        return self.process.returncode, said


@dataclass
class Distributed:
    """A race of one server against itself, and the workers that were started for it."""

    raced: Raced
    server: StandIn
    port: int = 0
    workers: list[WorkerProcess] = field(default_factory=list)

    @property
    def finish(self) -> Finish:
        found = self.raced.folder.read_finish()
        assert found is not None
        return found

    @property
    def slices(self) -> list[SliceReport]:
        return list(self.raced.folder.read_slices())

    def wait_for_the_middle_of_a_slice(self, after: int) -> None:
        """Wait until so many slices are over and the next one has begun."""
        wait_until(lambda: self.raced.under_way(after))
        sent = len(self.server.lookups)
        wait_until(lambda: len(self.server.lookups) > sent + 20)

    def locust_workers(self) -> list[psutil.Process]:
        """Return the processes that --processes forked."""
        return self.raced.locusts()[1:]


@contextmanager
def worker(
    place: Path, port: int, modules: Path | None = None, **variables: str
) -> Iterator[WorkerProcess]:
    place.mkdir()
    path = os.pathsep.join(str(one) for one in (modules, locust_runs.ROOT) if one)
    process = subprocess.Popen(
        [sys.executable, "-m", "dragstrip", "worker", f"127.0.0.1:{port}"],
        cwd=place,
        env=locust_runs.environment({"CRM_API_KEY": API_KEY, "PYTHONPATH": path} | variables),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield WorkerProcess(place, process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


class Door:
    """A port of its own that leads to another one once it is open."""

    def __init__(self, leads_to: int) -> None:
        self.port = int(locust_runs.free_port())
        self._leads_to = leads_to

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let connections through until the end of the block."""
        with socket.create_server(("127.0.0.1", self.port)) as server:
            threading.Thread(target=self._serve, args=(server,), daemon=True).start()
            yield

    def _serve(self, server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here = server.accept()[0]
                there = socket.create_connection(("127.0.0.1", self._leads_to))
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@dataclass
class WorkerRaces:
    apart: Distributed
    """--workers 2; then one comes late, one is of another version, one has a wrong key, one a
    wrong token."""
    bereft: Distributed
    """--processes 3, of which one is killed."""
    deserted: Distributed
    """--processes 2, of which one leaves and one is killed."""
    short: Distributed
    """--workers 2, of which none comes."""
    forked: Distributed = field(init=False)
    """--processes 30, each with little to do."""


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerRaces]:
    place = tmp_path_factory.mktemp("workers")
    modules = place / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(_OTHER_VERSION)
    with ExitStack() as stack:

        def race(name: str, *flags: str, **settings: Any) -> Distributed:
            server = stack.enter_context(StandIn(DATASET).serving())
            configuration = sections(server.url, server.url, **settings)
            port = int(locust_runs.free_port())
            bind = ("--bind", f"127.0.0.1:{port}") if "--workers" in flags else ()
            raced = stack.enter_context(racing(place / name, configuration, *flags, *bind))
            return Distributed(raced, server, port)

        def join(one: Distributed, port: int, modules: Path | None = None, **more: Any) -> None:
            folder = one.raced.place / f"worker-{len(one.workers)}"
            one.workers.append(stack.enter_context(worker(folder, port, modules, **more)))

        found = WorkerRaces(
            apart=race("apart", "--workers", "2", pairs=6, slice=0.8, ledger="compress"),
            bereft=race("bereft", "--processes", "3", pairs=3, slice=1.5),
            deserted=race("deserted", "--processes", "2", pairs=50),
            short=race("short", "--workers", "2", "--worker-wait", "0.5"),
        )
        # Those who are to come late are started at once, too, but find the door closed.
        door = Door(found.apart.port)
        for port, changes in ((found.apart.port, None),) * 2 + (
            (door.port, None),
            (door.port, modules),
        ):
            join(found.apart, port, changes)
        join(found.apart, found.apart.port, CRM_API_KEY="another-key-0123456789")
        join(found.apart, found.apart.port, DRAGSTRIP_WORKER_TOKEN="a token of another race")
        wait_until(lambda: found.apart.raced.under_way(1))
        send_foreign_messages(found.apart.port)
        stack.enter_context(door.open())
        found.bereft.wait_for_the_middle_of_a_slice(after=1)
        found.bereft.locust_workers()[0].kill()
        found.deserted.wait_for_the_middle_of_a_slice(after=1)
        stays, leaves = found.deserted.locust_workers()
        leaves.terminate()
        stays.kill()
        for one in (found.apart, found.bereft, found.deserted, found.short):
            one.raced.wait()
        # By themselves: so many processes would keep those from their time.
        crowd: dict[str, Any] = {"pairs": 1, "rate": 120, "connections": CROWD}
        found.forked = race("forked", "--processes", f"{CROWD}", **crowd)
        found.forked.raced.wait()
        yield found


def send_foreign_messages(port: int) -> None:
    socket: Any = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.IDENTITY, b"stranger")
    socket.connect(f"tcp://127.0.0.1:{port}")
    hello = msgpack.dumps(("dragstrip_hello", {"problem": "x"}, "stranger"))
    for frame in (
        hello,
        b"\0" * 32 + hello,
        b"\xc1",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x93\xa5stats\xc0\xa1x",
        b"\x07",
    ):
        socket.send(frame)
    # All are on their way before it is closed.
    socket.close(_PATIENCE_S * 1000)


def bring_ledgers_together(one: Distributed) -> None:
    for each in one.workers:
        for file in each.place.glob("runs/*/ledger/*"):
            shutil.copy(file, one.raced.folder.path / "ledger")


@pytest.mark.parametrize(("name", "count", "proofs"), [("forked", CROWD, 0), ("apart", 3, 6)])
def test_slices_final_counts_ledgers_and_servers_agree_exactly(
    races: WorkerRaces, name: str, count: int, proofs: int
) -> None:
    one: Distributed = getattr(races, name)
    bring_ledgers_together(one)
    finish = one.finish
    assert "Traceback" not in one.raced.errors
    assert finish["lost_workers"] == [], log_tail(one.raced.folder, 20)
    assert len(finish["workers"]) == count
    assert not any(line["void"] for line in one.slices)
    rows = one.raced.rows()
    assert sum(final["rows"] for final in finish["workers"].values()) == len(rows)
    sent, right = rows["outcome"] != Outcome.UNSENT, rows["outcome"] == Outcome.OK
    # Each worker from elsewhere proves itself to both targets before it is ready.
    assert sent.sum() >= len(one.server.lookups) - proofs >= right.sum() > 0
    assert recount(one.raced.folder).differences == []
    for number, final in finish["workers"].items():
        reports = [each for line in one.slices for each in line["workers"]]
        mine = [each["tallies"] for each in reports if each["worker"] == int(number)]
        for target in ("0", "1"):
            total = Tally()
            for tallies in mine:
                # A share may hold no lookup of the trickle.
                total.merge(
                    Tally.decode(tallies[target]["0"] if target in tallies else Tally().encode())
                )
            assert total == Tally.decode(final["tallies"][target]["0"])


def test_one_master_keeps_thirty_workers_on_time(races: WorkerRaces) -> None:
    shares = [line["workers"] for line in races.forked.slices]
    assert [len({each["worker"] for each in share}) for share in shares] == [CROWD] * 2
    for earlier, later in itertools.pairwise(shares):
        # They are processes of one machine, so that their clocks are one.
        assert max(each["end_ns"] for each in earlier) <= min(each["start_ns"] for each in later)


def test_workers_elsewhere_end_well_with_the_race(races: WorkerRaces) -> None:
    for each in races.apart.workers[:3]:
        code, said = each.wait()
        assert (code, "the race is over" in said) == (0, True), said
        assert len(list(each.place.glob("runs/*/ledger/*.rows.gz"))) == 1
    assert API_KEY not in (races.apart.raced.folder.path / "locust.log").read_text()


def test_a_worker_that_comes_late_takes_part_from_then_on(races: WorkerRaces) -> None:
    lines = races.apart.slices
    late = max(int(worker) for worker in races.apart.finish["workers"])
    taking_part = [late in {each["worker"] for each in line["workers"]} for line in lines]
    assert taking_part == sorted(taking_part)
    assert taking_part[-1]
    assert not taking_part[0]


def test_both_slices_of_a_pair_are_for_the_same_workers(races: WorkerRaces) -> None:
    crews = [{each["worker"] for each in line["workers"]} for line in races.apart.slices]
    assert crews[0::2] == crews[1::2]


def test_a_foreign_message_on_the_masters_port_changes_nothing(races: WorkerRaces) -> None:
    log = (races.apart.raced.folder.path / "locust.log").read_text()
    assert "Unrecognized message detected" in log
    assert races.apart.finish["lost_workers"] == []


def test_a_worker_of_another_version_is_turned_away(races: WorkerRaces) -> None:
    code, said = races.apart.workers[3].wait()
    assert code == 2
    assert "dragstrip is 0.0.9 here" in said
    assert "Traceback" not in said


def test_a_worker_with_a_wrong_key_is_turned_away(races: WorkerRaces) -> None:
    code, said = races.apart.workers[4].wait()
    assert code == 2
    assert "target old refuses its credentials (HTTP 401)" in said
    assert "the same keys here as at the master" in said
    assert "http_401" not in json.dumps(races.apart.slices)


def test_who_does_not_know_the_token_is_refused_and_named(races: WorkerRaces) -> None:
    code, said = races.apart.workers[5].wait()
    assert code == 2
    assert f"its {TOKEN_VARIABLE} is another" in said
    log = (races.apart.raced.folder.path / "locust.log").read_text()
    assert "refused stranger: it does not know the race's token" in log
    assert log.count("it does not know the race's token") >= 2
    for path in (races.apart.raced.folder.path).rglob("*"):
        if path.is_file():
            assert locust_runs.WORKER_TOKEN.encode() not in path.read_bytes()


def test_a_killed_worker_voids_its_slice_and_no_other(races: WorkerRaces) -> None:
    one = races.bereft
    assert one.raced.code == 3
    assert {"voided_pairs", "lost_workers"} <= one.raced.failed_gates
    assert not one.raced.run.interrupted
    (lost,) = one.finish["lost_workers"]
    assert len(one.slices) == 6
    assert [line["void"] for line in one.slices if line["void"]] == [f"worker {lost} was lost"]
    assert "generator processes lost" in one.raced.output
    # What the killed worker had sent is in its ledger.
    assert len(one.raced.rows()) >= len(one.server.lookups)


@pytest.mark.parametrize("name", ["apart", "bereft"])
def test_whoever_is_there_shares_all_arrivals(races: WorkerRaces, name: str) -> None:
    one: Distributed = getattr(races, name)
    plan = one.raced.folder.read_plan()
    counts: dict[int, list[int]] = {}
    voided = set()
    for line in one.slices:
        slice_ = plan.slices[line["index"]]
        tallies = [
            Tally.decode(each["tallies"][str(slice_.target)]["0"]) for each in line["workers"]
        ]
        counts.setdefault(slice_.pair, []).append(sum(tally.rows for tally in tallies))
        voided |= {slice_.pair} if line["void"] else set()
    for pair, (first, second) in counts.items():
        assert (first == second) == (pair not in voided)


def test_a_race_without_workers_ends_at_once(races: WorkerRaces) -> None:
    one = races.deserted
    assert one.raced.code == 3
    assert "every worker was lost" in one.raced.errors
    assert one.finish["lost_workers"] == [0, 1]
    assert len(one.slices) < 20


def test_fewer_workers_than_asked_for_is_one_clear_error(races: WorkerRaces) -> None:
    one = races.short
    assert one.raced.code == 2, one.raced.output
    assert "error: 0 of 2 workers came within 0.5 s\n  fix: start as many" in one.raced.errors
    assert "Traceback" not in one.raced.errors
    assert one.server.connections == 0
