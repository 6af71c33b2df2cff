"""A race that finds no lab starts one, and takes it down with itself however it ends."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from dragstrip.run.folder import RunFolder
from tests.lab.lab_homes import remaining_after, temporary_home, wait_until
from tests.lab.lab_races import dragstrip, slices_done, start, stored
from tests.support import hostile_home
from tests.support.races import OF_THE_MACHINE
from tests.support.seeded_lab import write_toml

if TYPE_CHECKING:
    from pathlib import Path

# The fewest lookups will do: what is looked at is the lab.
RULES = '[rules]\nmetric = "p50"\n'


FLAGS = ("--slice", "0.6", "--rate", "60", "--pairs")


def write_configuration(folder: Path) -> None:
    with write_toml(folder, warmup=0.2).open("a") as file:
        file.write(RULES)


def test_in_a_hostile_home_a_race_starts_its_own_lab_and_takes_it_down(tmp_path: Path) -> None:
    place = tmp_path / "a folder, ünïcödé & 'quoted' $HOME"
    place.mkdir()
    write_configuration(place)
    hostile = hostile_home.make(tmp_path / "home")
    with temporary_home() as outer:
        home = outer / "läb & co"
        race = dragstrip(place, {**hostile, "DRAGSTRIP_LAB_HOME": str(home)}, "race", *FLAGS, "6")
        assert race.returncode in {0, 3}, race.stderr
        assert remaining_after(home, {}) == []
    run = RunFolder(place / "runs" / "latest").read_run()
    assert {gate.name for gate in run.gates if not gate.passed} <= OF_THE_MACHINE
    assert run.lab
    assert not any(target.failed for target in run.targets.values())


def test_the_lab_of_a_race_that_is_killed_goes_down(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    with temporary_home() as home:
        variables = {"DRAGSTRIP_LAB_HOME": str(home)}
        race = start(tmp_path, variables, "race", *FLAGS, "50")
        wait_until(lambda: slices_done(tmp_path) >= 1 or race.poll() is not None)
        ports = json.loads((home / "state.json").read_text())["ports"]
        os.kill(race.pid, signal.SIGKILL)
        assert race.wait(120) == -signal.SIGKILL
        assert remaining_after(home, ports) == []
        assert stored(tmp_path, "run.json")["lab"] is True
