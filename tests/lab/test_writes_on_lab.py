"""Races of writes on the lab: one is interrupted, and the next one finds everything in order."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from dragstrip.errors import DataDiffers
from dragstrip.run.folder import RunFolder
from seeding.verify import check_data
from tests.lab.lab_homes import wait_until
from tests.lab.lab_races import dragstrip, slices_done, start
from tests.support.races import OF_THE_MACHINE
from tests.support.seeded_lab import seeded_config, write_toml

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = ("--pairs", "6", "--slice", "1.2", "--rate", "30")


def test_an_interrupted_race_leaves_messages_and_the_next_one_removes_all(
    tmp_path: Path, lab_environment: dict[str, str]
) -> None:
    config = seeded_config(lab_environment)
    with write_toml(tmp_path, warmup=0.2, connections=8).open("a") as file:
        file.write('[rules]\nmetric = "p50"\n')
    race = start(tmp_path, lab_environment, "race", "--scenario", "inbound-message", *FLAGS)
    wait_until(lambda: slices_done(tmp_path) >= 1)
    race.send_signal(signal.SIGTERM)
    assert race.wait(60) == 130
    (said,) = RunFolder(tmp_path / "runs" / "latest").read_run().remarks
    assert "its messages are still in both backends" in said
    with pytest.raises(DataDiffers, match=r"unread_count|last_message"):
        check_data(config)

    arguments = ("race", "--scenario", "conversation", "--processes", "4", *FLAGS)
    done = dragstrip(tmp_path, lab_environment, *arguments)
    assert "an earlier race left " in done.stderr
    assert done.returncode in {0, 3}, done.stderr
    run = RunFolder(tmp_path / "runs" / "latest").read_run()
    assert {gate.name for gate in run.gates if not gate.passed} <= OF_THE_MACHINE
    assert run.data_after == "same"
    convex, supabase = run.writes["convex"], run.writes["supabase"]
    assert convex.attempted == supabase.attempted > 30
    for one in (convex, supabase):
        assert one.acknowledged == one.stored == one.attempted
        assert (one.lost, one.duplicated, one.unexpected, one.stale) == (0, 0, 0, 0)
        assert one.reads > 20
    assert check_data(config, full=True).words == "every range"
