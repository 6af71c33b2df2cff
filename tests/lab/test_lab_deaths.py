"""Whatever ends, and however: the lab says so, and nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from dragstrip import lab as embedded
from dragstrip.errors import LabError
from dragstrip.lab import lifecycle, state
from dragstrip.lab.paths import Home
from dragstrip.lab.processes import marked
from tests.lab import lab_races
from tests.lab.lab_homes import DRAGSTRIP, left_behind, remaining_after, temporary_home, wait_until
from tests.support.seeded_lab import write_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home whose lab every test here may ruin; the next one's `up` starts it again."""
    with temporary_home() as folder:
        yield folder


@pytest.fixture
def up(home: Path) -> embedded.LabState:
    return lifecycle.up(home, owner_pid=os.getpid(), fallback_ports_only=True)


def stored(home: Path) -> embedded.LabState:
    known = state.read(Home(home))
    assert known is not None
    return known


def status_of(home: Path) -> tuple[int, str]:
    done = subprocess.run(
        [DRAGSTRIP, "lab", "--home", home, "status"], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("name", ["postgres", "supabase", "convex", "next"])
def test_a_killed_service_shows_and_up_starts_the_lab_again(
    home: Path, up: embedded.LabState, name: str
) -> None:
    process = up.services[name].process
    assert process is not None
    kill(process.pid)
    wait_until(lambda: stored(home).services[name].phase == "crashed")

    code, shown = status_of(home)
    assert code == 2
    assert "crashed (exit code -9)" in shown
    assert f"the last lines of {name}'s log:" in shown
    with pytest.raises(LabError, match=rf"half up: {name} crashed \(exit code -9\)") as caught:
        embedded.environment(home)
    assert "dragstrip lab up" in str(caught.value.fix)

    said: list[str] = []
    again = lifecycle.up(home, reporter=said.append, owner_pid=os.getpid())
    assert f"the lab is half up ({name} crashed (exit code -9)); starting it again" in said
    assert again.ports == up.ports
    assert not again.not_up
    assert status_of(home)[0] == 0


@pytest.mark.parametrize("name", ["postgres", "next"])
def test_a_killed_guard_takes_its_service_along(
    home: Path, up: embedded.LabState, name: str
) -> None:
    guard, process = up.services[name].guard, up.services[name].process
    assert guard is not None
    assert process is not None
    kill(guard.pid)
    wait_until(lambda: stored(home).services[name].phase == "crashed")
    wait_until(lambda: not process.alive)


def test_a_killed_supervisor_takes_everything_along(home: Path, up: embedded.LabState) -> None:
    kill(up.supervisor.pid)
    assert remaining_after(home, up.ports) == []

    code, shown = status_of(home)
    assert code == 2
    assert "its supervisor is gone" in shown
    with pytest.raises(LabError, match="its supervisor is gone"):
        embedded.environment(home)
    # What it left in state.json is no obstacle, and the data are still there.
    assert not lifecycle.up(home, owner_pid=os.getpid()).not_up


def test_supervisor_and_guards_killed_at_once_leave_work_that_down_does(
    home: Path, up: embedded.LabState
) -> None:
    guards = [service.guard for service in up.services.values() if service.guard]
    up.supervisor.signal(signal.SIGSTOP)
    for guard in guards:
        kill(guard.pid)
    kill(up.supervisor.pid)
    wait_until(lambda: not any(process.alive for process in (up.supervisor, *guards)))
    assert left_behind(home, up.ports)
    assert lifecycle.down(home)
    assert left_behind(home, up.ports) == []


def test_down_in_the_middle_of_a_race_leaves_no_lab_and_the_race_proves_nothing(
    home: Path, up: embedded.LabState, tmp_path: Path
) -> None:
    write_toml(tmp_path, warmup=0.2)
    flags = ("--slice", "0.8", "--rate", "140", "--pairs", "6")
    race = lab_races.start(tmp_path, {"DRAGSTRIP_LAB_HOME": str(home)}, "race", *flags)
    wait_until(lambda: lab_races.slices_done(tmp_path) >= 1 or race.poll() is not None)
    up.supervisor.signal(signal.SIGTERM)
    assert remaining_after(home, up.ports) == []
    assert state.read(Home(home)) is None
    assert race.wait(120) == 3
    run = lab_races.stored(tmp_path, "run.json")
    assert {outage["target"] for outage in run["outages"]} == {"convex", "supabase"}
    assert (tmp_path / "runs" / "latest" / "report.html").exists()


def test_a_lab_that_its_owner_leaves_goes_down(home: Path) -> None:
    lifecycle.down(home)
    program = (
        "import os, sys; from pathlib import Path; from dragstrip.lab import lifecycle;"
        "lifecycle.up(Path(sys.argv[1]), owner_pid=os.getpid(), fallback_ports_only=True);"
        "print('up', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        known = stored(home)
        assert known.owner is not None
        assert known.owner.pid == owner.pid
        kill(owner.pid)
    assert remaining_after(home, known.ports) == []


def test_with_parent_ties_the_lab_to_the_caller(home: Path) -> None:
    lifecycle.down(home)
    command = f"{DRAGSTRIP} lab --home {home} up --with-parent; echo up; read line"
    with subprocess.Popen(
        ["/bin/sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == b"up\n"
        known = stored(home)
        assert status_of(home)[0] == 0
        kill(shell.pid)
    assert remaining_after(home, known.ports) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("starting", signal.SIGINT),
        ("starting", signal.SIGKILL),
        ("creating the cluster", signal.SIGINT),
        ("creating the cluster", signal.SIGKILL),
        ("migrating", signal.SIGINT),
        ("migrating", signal.SIGTERM),
    ],
)
def test_an_interrupted_up_leaves_nothing(moment: str, number: signal.Signals) -> None:
    with (
        temporary_home() as home,
        subprocess.Popen(
            [DRAGSTRIP, "lab", "--home", home, "up"], stderr=subprocess.PIPE, text=True
        ) as command,
    ):
        wait_until(lambda: _reached(home, moment))
        ports = stored(home).ports
        command.send_signal(number)
        _, said = command.communicate(timeout=60)
        if number == signal.SIGINT:
            assert command.returncode == 130, said
            assert "interrupted" in said
            # It waits for the end of what it started.
            assert left_behind(home, ports) == []
        assert remaining_after(home, ports) == []
        assert state.read(Home(home)) is None
        if number == signal.SIGKILL:
            assert not lifecycle.up(home, fallback_ports_only=True).not_up


def _reached(home: Path, moment: str) -> bool:
    try:
        known = json.loads(Home(home).state_file.read_text())
    except FileNotFoundError:
        return False
    services = known["services"]
    if moment == "creating the cluster":
        # A running initdb, which is a preparation and in no state.
        return any(home / "data" / "postgres.new" in p.parents for p in home.rglob("PG_VERSION"))
    if moment == "migrating":
        return bool(services["supabase"]["phase"] == "preparing")
    return True


def test_two_at_once_start_one_lab() -> None:
    with temporary_home() as home:
        commands = [
            subprocess.Popen(
                [DRAGSTRIP, "lab", "--home", home, "up"], stderr=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        said = [command.communicate(timeout=120)[1] for command in commands]
        assert [command.returncode for command in commands] == [0, 0], said
        assert sum("waiting for another lab command" in text for text in said) == 1
        assert sum("lab up in" in text for text in said) == 1
        started = [psutil.Process(found.pid).cmdline() for found in marked(Home(home).mark)]
        assert sum("dragstrip.lab.supervisor" in argv for argv in started) == 1
