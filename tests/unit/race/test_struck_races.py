"""Races that something happens to while they run, side by side, as they would on a busy day."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest

from dragstrip.ledger.rows import Outcome, reasons
from dragstrip.run.folder import RunFolder
from tests.lab.lab_homes import wait_until
from tests.support import locust_runs
from tests.support.command_line import dragstrip
from tests.support.name_server import NameServer
from tests.support.races import DATASET, OF_THE_MACHINE, Raced, racing, sections
from tests.support.stand_in import API_KEY, StandIn, hanging_up, response
from tests.support.valve import Valve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.stand_in import Deed

_PATIENCE_S = 120
_STILL_S = 1.5


@dataclass(frozen=True)
class Struck:
    restarted: Raced
    """Its challenger drops every connection, and is back at once."""
    beside: Raced
    """One of its two workers stands still for a while; in the same folder, at the same time."""
    folders: list[RunFolder]
    """Of these two."""
    removed: Raced
    """Its run's folder is removed."""
    orphan: tuple[int, str]
    """How a worker elsewhere ended whose master was killed."""
    starved: Raced
    """It may open no more files."""
    nameless: Raced
    """The name server is gone, and its challenger closes each connection."""
    waiting: Raced
    """Interrupted while it waited for workers."""


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Struck]:
    place = tmp_path_factory.mktemp("struck")
    with ExitStack() as stack:
        server = stack.enter_context(StandIn(DATASET).serving())
        valve = stack.enter_context(Valve(server.port))
        port = locust_runs.free_port()

        def race(name: str, url: str, *flags: str, **settings: float) -> Raced:
            configuration = sections(server.url, url, rate=120, **settings)
            return stack.enter_context(racing(place / name, configuration, *flags))

        def latest(raced: Raced) -> Path:
            wait_until(raced.under_way)
            return raced.folder.path.resolve()

        closing = stack.enter_context(StandIn(DATASET).serving())
        closing.deeds = {key: _closing(key) for key in range(DATASET.contacts)}
        still = stack.enter_context(StandIn(DATASET).serving())
        names = stack.enter_context(NameServer("backend.test"))

        restarted = race("both", f"http://127.0.0.1:{valve.port}", pairs=12, slice=1.0)
        flags = ("--workers", "1", "--bind", f"127.0.0.1:{port}")
        mastered = race("mastered", server.url, *flags, pairs=50)
        worker = stack.enter_context(_worker(place / "worker", port))
        removed = race("removed", server.url, pairs=12)
        first = latest(restarted)
        beside = race("both", still.url, "--processes", "2", pairs=3, slice=3.0)
        starved = race("starved", closing.url, pairs=8)
        nameless = stack.enter_context(
            racing(
                place / "nameless",
                sections(server.url, f"http://backend.test:{closing.port}", pairs=8),
                wrapper=names.wrapper(place),
            )
        )
        bind = f"127.0.0.1:{locust_runs.free_port()}"
        waiting = race("waiting", server.url, "--workers", "1", "--bind", bind)
        wait_until(lambda: removed.under_way(2))
        shutil.rmtree(removed.folder.path.resolve())
        # It takes a while until the worker gives its master up.
        wait_until(lambda: mastered.under_way(1))
        mastered.stop()
        wait_until(lambda: beside.folder.path.resolve() != first)
        second = beside.folder.path.resolve()

        wait_until(lambda: RunFolder(first).count_slices() >= 2)
        valve.cut()
        valve.mend()
        # Both targets have had a slice, and so their timers.
        wait_until(lambda: starved.under_way(2))
        (locust,) = starved.locusts()
        locust.rlimit(psutil.RLIMIT_NOFILE, (locust.num_fds() - 8,) * 2)
        wait_until(lambda: nameless.under_way(1))
        names.stop()
        wait_until(lambda: RunFolder(second).count_slices() >= 2)
        asked = len(still.lookups)
        wait_until(lambda: len(still.lookups) > asked + 40)
        worker_of_two = next(one for one in beside.locusts() if one.ppid() in pids(beside))
        worker_of_two.suspend()
        time.sleep(_STILL_S)
        worker_of_two.resume()
        wait_until(lambda: latest(waiting).exists())
        waiting.process.send_signal(signal.SIGINT)
        said = worker.communicate(timeout=_PATIENCE_S)[1]
        for raced in (restarted, beside, removed, starved, nameless, waiting):
            raced.wait()
        folders = [RunFolder(first), RunFolder(second)]
        ended = worker.returncode, said
        yield Struck(restarted, beside, folders, removed, ended, starved, nameless, waiting)


def pids(raced: Raced) -> set[int]:
    return {one.pid for one in raced.locusts()}


def _closing(key: int) -> Deed:
    """Answer, and close the connection as announced."""
    return hanging_up(response(DATASET.answer(key), extra="connection: close\r\n"))


def _worker(place: Path, port: str) -> subprocess.Popen[str]:
    place.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "dragstrip", "worker", f"127.0.0.1:{port}"],
        cwd=place,
        env=locust_runs.environment({"CRM_API_KEY": API_KEY, "PYTHONPATH": str(locust_runs.ROOT)}),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_races_at_once_in_one_folder_end_as_if_alone(struck: Struck) -> None:
    for folder, slices in zip(struck.folders, (24, 6), strict=True):
        run = folder.read_run()
        assert not run.interrupted
        assert len(run.slices) == slices
        assert (folder.path / "report.html").exists()
    assert struck.restarted.folder.path.resolve() == struck.folders[1].path


def test_a_target_that_restarts_costs_what_was_in_flight_and_no_more(struck: Struck) -> None:
    folder = struck.folders[0]
    assert struck.restarted.code in {0, 3}, struck.restarted.errors
    failed = {gate.name for gate in folder.read_run().gates if not gate.passed}
    assert failed <= OF_THE_MACHINE
    (part,) = folder.read_ledger()
    found = reasons(part.rows[part.rows["target"] == 1])
    assert set(found) <= {"reset", "closed", "refused"}
    assert part.rows["reconnected"].sum() + sum(found.values()) > 0
    assert (part.rows["outcome"] == Outcome.OK).sum() > 200
    assert folder.read_run().targets["old"].failed == {}


def test_a_worker_that_stood_still_loses_nothing_and_its_requests_count_as_late(
    struck: Struck,
) -> None:
    run = struck.folders[1].read_run()
    failed = {gate.name: gate for gate in run.gates if not gate.passed}
    # The mean of six slices.
    assert failed["loop_lag_ms"].figure > 100 * _STILL_S
    assert failed["no_connection"].figure > 0.02
    assert failed.keys() <= OF_THE_MACHINE
    assert struck.beside.code == 3
    for target in run.targets.values():
        assert target.failed == {}


@pytest.mark.parametrize(
    ("name", "reason", "fix"),
    [
        ("starved", "out_of_files", "raise `ulimit -n`, or lower race.connections"),
        ("nameless", "name_server", "correct /etc/resolv.conf, or name targets by address"),
    ],
)
def test_a_race_that_meets_a_limit_of_this_machine_names_it_with_its_fix(
    struck: Struck, name: str, reason: str, fix: str
) -> None:
    raced: Raced = getattr(struck, name)
    assert raced.code == 3, raced.errors
    assert "own_limits" in raced.failed_gates
    met = reasons(raced.rows(1))
    assert met.keys() == {reason}
    assert raced.gate("own_limits") == met[reason]
    assert reasons(raced.rows(0)) == {}
    said = " ".join(raced.output.split())
    assert f"by a limit of this machine: {met[reason]:,} {reason}; fix: {fix}" in said


def test_a_run_whose_folder_was_removed_ends_in_one_error(struck: Struck) -> None:
    assert struck.removed.code == 2, struck.removed.errors
    assert struck.removed.errors.count("error: ") == 1, struck.removed.errors
    assert "Traceback" not in struck.removed.errors
    assert "No such file or directory" in struck.removed.errors


def test_a_worker_whose_master_was_killed_ends(struck: Struck) -> None:
    code, said = struck.orphan
    assert code == 3
    assert "the master has fallen silent" in said
    assert "Traceback" not in said


def test_an_interrupt_while_workers_are_awaited_ends_at_once(struck: Struck) -> None:
    assert struck.waiting.code == 130
    assert "Traceback" not in struck.waiting.errors
    shown = dragstrip("report", "latest", cwd=struck.waiting.place)
    assert shown.stdout.startswith("INVALID")
    assert "the race was interrupted" in " ".join(shown.stdout.split())
