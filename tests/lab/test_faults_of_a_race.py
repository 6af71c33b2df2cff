"""Services that are killed during a race: what was acknowledged is there, or its loss is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.run.folder import RunFolder
from dragstrip.run.plan import alternate
from seeding.verify import check_data
from tests.lab.doctored_backends import doctored_convex, doctored_postgres
from tests.lab.lab_homes import wait_until
from tests.lab.lab_races import dragstrip, slices_done, start, stored
from tests.support.seeded_lab import seeded_config, write_toml

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.lab import LabState

SEED, PAIRS, SLICE_S = 5, 6, 1.2
FLAGS = ("--pairs", f"{PAIRS}", "--slice", f"{SLICE_S}", "--rate", "115", "--seed", f"{SEED}")
SIDES = {"supabase": 0, "convex": 1}


def inside(side: str, place: float) -> str:
    """Return a time near the end of a slice of one side, of the race's second half."""
    slices = alternate(PAIRS, SEED)[PAIRS:]
    index = next(one.index for one in slices if one.target == SIDES[side])
    return f"{(index + place) * SLICE_S:.2f}s"


@pytest.fixture
def home(lab: LabState, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("DRAGSTRIP_LAB_HOME", str(lab.home))
    return {"DRAGSTRIP_LAB_HOME": str(lab.home)}


def test_acknowledged_messages_survive_kills_of_both_sides(
    tmp_path: Path, home: dict[str, str], lab_environment: dict[str, str]
) -> None:
    config = seeded_config(lab_environment)
    write_toml(tmp_path, warmup=0.2)
    kills = [f"kill:convex@{inside('convex', 0.6)}", f"kill:postgres@{inside('supabase', 0.6)}"]
    options = [part for kill in kills for part in ("--fault", kill)]
    done = dragstrip(tmp_path, home, "race", "--scenario", "inbound-message", *FLAGS, *options)
    assert done.returncode in {0, 3}, done.stderr
    folder = RunFolder(tmp_path / "runs" / "latest")
    run = folder.read_run()
    assert sorted(fault.service for fault in run.faults) == ["convex", "postgres"]
    for fault in run.faults:
        assert fault.problem is None
        assert fault.began_s is not None
        assert fault.ended_s is not None
        assert fault.planned_s <= fault.began_s < fault.ended_s
        sentence = f"{fault.service} was killed at {fault.began_s:.1f} s and was back at"
        page = (folder.path / "report.html").read_text()
        assert sentence in page
        assert sentence in " ".join(done.stdout.split())
    for accounts in run.writes.values():
        assert (accounts.lost, accounts.duplicated, accounts.unexpected) == (0, 0, 0)
        assert accounts.stored >= accounts.acknowledged > 300
    assert run.data_after == "same"
    assert check_data(config, full=True).words == "every range"


def test_functions_that_answer_before_they_store_or_store_twice_are_unsafe(
    tmp_path: Path, home: dict[str, str], lab: LabState, lab_environment: dict[str, str]
) -> None:
    kill = f"kill:postgres@{inside('supabase', 0.8)}"
    with (
        doctored_convex(lab, tmp_path) as convex,
        doctored_postgres(lab_environment["SUPABASE_DB_URL"]),
    ):
        config = seeded_config(convex.environment)
        write_toml(tmp_path, warmup=0.2)
        variables = {**convex.environment, **home}
        scenario = ("--scenario", "inbound-message")
        race = start(tmp_path, variables, "race", *scenario, *FLAGS, "--fault", kill)
        # What the first of two slices of one side acknowledged last is lost in the second one.
        turns = [one.target for one in alternate(PAIRS, SEED)]
        first = next(i for i in range(2, PAIRS) if turns[i : i + 2] == [SIDES["convex"]] * 2)
        wait_until(lambda: slices_done(tmp_path) > first)
        convex.kill()
        convex.start()
        assert race.wait(120) == 1
        verdict = stored(tmp_path, "verdict.json")
        assert verdict["verdict"] == "unsafe"
        for side in SIDES:
            accounts = verdict["writes"][side]
            assert accounts["lost"] > 0
            assert accounts["duplicated"] > 0
            assert f"{side} lost {accounts['lost']:,} of " in verdict["reason"]
            assert f"{side} stored {accounts['duplicated']:,} messages more" in verdict["reason"]
            assert accounts["attempted"] >= accounts["acknowledged"] > accounts["stored"]
        assert check_data(config, full=True).words == "every range"
