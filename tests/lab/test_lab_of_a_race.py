"""A race that finds no lab starts one, and takes it down with itself however it ends."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.lab.lab_homes import remaining_after, temporary_home, wait_until
from tests.lab.lab_races import slices_done, start, stored
from tests.support.seeded_lab import write_toml

if TYPE_CHECKING:
    from pathlib import Path

# The fewest lookups will do: what is looked at is the lab.
RULES = '[rules]\nmetric = "p50"\n'


@pytest.mark.parametrize("killed", [False, True])
def test_a_lab_that_a_race_started_goes_down_with_it(tmp_path: Path, killed: bool) -> None:
    with write_toml(tmp_path, warmup=0.2).open("a") as file:
        file.write(RULES)
    with temporary_home() as home:
        variables = {"DRAGSTRIP_LAB_HOME": str(home)}
        pairs = "50" if killed else "6"
        flags = ("--pairs", pairs, "--slice", "0.6", "--rate", "60")
        race = start(tmp_path, variables, "race", *flags)
        wait_until(lambda: slices_done(tmp_path) >= 1 or race.poll() is not None)
        ports = json.loads((home / "state.json").read_text())["ports"] if killed else {}
        if killed:
            os.kill(race.pid, signal.SIGKILL)
        assert race.wait(120) in ({-signal.SIGKILL} if killed else {0, 3})
        assert remaining_after(home, ports) == []
        assert stored(tmp_path, "run.json")["lab"] is True
