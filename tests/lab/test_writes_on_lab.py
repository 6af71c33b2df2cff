"""Races of writes on the lab: one is interrupted, and the next one finds everything in order."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from dragstrip.errors import DataDiffers
from dragstrip.run.folder import RunFolder
from seeding.verify import check_data
from tests.lab.lab_homes import DRAGSTRIP, wait_until
from tests.lab.lab_races import slices_done, start
from tests.support.locust_runs import free_port
from tests.support.races import OF_THE_MACHINE, Raced, popen
from tests.support.seeded_lab import seeded_config, write_toml
from tests.support.web_races import WebRace

if TYPE_CHECKING:
    from pathlib import Path

FLAGS = ("--pairs", "6", "--slice", "1.2", "--rate", "30")


def _written(race: WebRace, what: str) -> int:
    """Return a figure of the live page's table of writes, the smaller of both targets'."""
    rows = {one["what"]: one["sides"] for one in race.state().get("writes", [])}
    return min(int(side) for side in rows.get(what, ["0"]))


def test_an_interrupted_race_leaves_messages_and_the_next_one_removes_all(
    tmp_path: Path, lab_environment: dict[str, str]
) -> None:
    config = seeded_config(lab_environment)
    with write_toml(tmp_path, warmup=0.2, connections=8).open("a") as file:
        file.write('[rules]\nmetric = "p50"\n')
    first = start(tmp_path, lab_environment, "race", "--scenario", "inbound-message", *FLAGS)
    wait_until(lambda: slices_done(tmp_path) >= 1)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 130
    (said,) = RunFolder(tmp_path / "runs" / "latest").read_run().remarks
    assert "its messages are still in both backends" in said
    with pytest.raises(DataDiffers, match=r"unread_count|last_message"):
        check_data(config)

    # Made ready for lookups, a race of a conversation is chosen in the form.
    port = free_port()
    command = [DRAGSTRIP, "race", "--web", "--web-port", port, "--processes", "4", *FLAGS]
    raced = Raced(tmp_path, popen(tmp_path, command, lab_environment))
    race = WebRace(raced, f"http://127.0.0.1:{port}")
    try:
        wait_until(race.answers)
        assert race.start(scenario__name="conversation")["started"]
        wait_until(lambda: _written(race, "message, acknowledged") > 0)
        wait_until(race.is_over)
        report = race.client.get("/report").text
        assert race.end() in {0, 3}, raced.errors
    finally:
        raced.stop()
    assert "an earlier race left " in raced.errors
    assert all(f">{account}</th>" in report for account in ("lost", "doubled", "recovered"))
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
