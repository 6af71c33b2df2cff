"""Whatever is killed: what was recorded reads back, the run says so, and no process is left."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import pytest

from dragstrip.ledger.rows import Outcome
from tests.lab.lab_homes import wait_until
from tests.support.command_line import dragstrip
from tests.support.races import DATASET, Raced, racing, sections
from tests.support.schema_validator import validator
from tests.support.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Races = dict[str, "Killed"]

SLICES = 2


class Killed:
    """A race that something is done to once SLICES slices are over."""

    def __init__(self, raced: Raced, server: StandIn) -> None:
        self.raced = raced
        self.server = server
        self.processes: list[psutil.Process] = []

    def strike(self, deed: Callable[[Raced], None]) -> None:
        wait_until(lambda: self.raced.under_way(SLICES))
        self.processes = psutil.Process(self.raced.process.pid).children(recursive=True)
        deed(self.raced)


def kill_locust(raced: Raced) -> None:
    for process in raced.locusts():
        process.kill()


def send(number: signal.Signals) -> Callable[[Raced], None]:
    return lambda raced: raced.process.send_signal(number)


DEEDS: dict[str, tuple[int, Callable[[Raced], None]]] = {
    "locust": (1, kill_locust),
    "race": (2, send(signal.SIGKILL)),
    "interrupt": (1, send(signal.SIGINT)),
    "end": (1, send(signal.SIGTERM)),
}


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Races]:
    place = tmp_path_factory.mktemp("killed")
    with ExitStack() as stack:
        found: Races = {}
        for name, (processes, _) in DEEDS.items():
            server = stack.enter_context(StandIn(DATASET).serving())
            configuration = sections(server.url, server.url, pairs=50, rate=80, timeout=2)
            flags = ("--processes", str(processes))
            raced = stack.enter_context(racing(place / name, configuration, *flags))
            found[name] = Killed(raced, server)
        for name, (_, deed) in DEEDS.items():
            found[name].strike(deed)
        for killed in found.values():
            killed.raced.wait()
        yield found


@pytest.mark.parametrize("name", list(DEEDS))
def test_what_was_recorded_reads_back(races: Races, name: str) -> None:
    raced = races[name].raced
    run = raced.run
    validator("run").validate(run.model_dump(mode="json"))
    assert run.interrupted
    rows = raced.rows()
    # Each lookup was written down before it was sent, so there are no fewer than were asked.
    assert len(rows) >= len(races[name].server.lookups) > 50
    assert (rows["outcome"] == Outcome.OK).sum() > 50
    assert raced.slices_done() >= SLICES


@pytest.mark.parametrize("name", list(DEEDS))
def test_nothing_is_left_running(races: Races, name: str) -> None:
    assert races[name].processes
    wait_until(lambda: not any(runs(process) for process in races[name].processes))


def runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("name", "code"),
    [("locust", 3), ("race", -signal.SIGKILL), ("interrupt", 130), ("end", 130)],
)
def test_the_exit_code_says_that_nothing_is_proved(races: Races, name: str, code: int) -> None:
    raced = races[name].raced
    assert raced.code == code, raced.errors
    assert "Traceback" not in raced.errors
    if name != "race":
        assert raced.verdict.verdict == "invalid"
        assert raced.failed_gates >= {"complete_pairs"}


@pytest.mark.parametrize("name", ["locust", "race"])
def test_the_report_of_a_broken_run_says_invalid_first(races: Races, name: str) -> None:
    shown = dragstrip("report", "latest", cwd=races[name].raced.place)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("INVALID")
    assert "the race was interrupted" in " ".join(shown.stdout.split())
    assert "interval" not in shown.stdout
