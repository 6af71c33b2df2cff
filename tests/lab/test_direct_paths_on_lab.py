"""The databases' own APIs as targets: proven like the routes in front of them, and raced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.config.config import TargetConfig
from dragstrip.errors import BackendError
from dragstrip.scenario import targets_of
from scenarios.crm.answers import check_answers
from scenarios.crm.wrong_key import refuses_wrong_key
from tests.lab.lab_races import dragstrip, stored
from tests.support.races import OF_THE_MACHINE
from tests.support.seeded_lab import seeded_config, write_toml

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Config

DIRECT = {"convex": "convex-query", "supabase": "supabase-rpc"}


@pytest.fixture
def seeded(lab_environment: dict[str, str]) -> dict[str, str]:
    seeded_config(lab_environment)
    return lab_environment


def direct(variables: dict[str, str]) -> Config:
    targets = {name: TargetConfig(kind=kind) for name, kind in DIRECT.items()}
    config = seeded_config(variables).model_copy(update={"targets": targets})
    return config.with_environment(variables)


def test_their_answers_are_right_and_a_wrong_key_is_refused(seeded: dict[str, str]) -> None:
    config = direct(seeded)
    proof = check_answers(config, sample=20)
    assert (proof.targets, proof.misses) == (list(DIRECT), 2)
    for target in targets_of(config).values():
        refuses_wrong_key(target, "62", "00000000-0000-0000-0000-000000000000", config.race)


@pytest.mark.parametrize("variable", ["CRM_API_KEY", "SUPABASE_SERVICE_ROLE_KEY"])
def test_the_key_that_is_refused_is_named(seeded: dict[str, str], variable: str) -> None:
    config = direct(seeded).with_environment(seeded | {variable: "another-key"})
    with pytest.raises(BackendError, match=f"refused {variable}") as error:
        check_answers(config, sample=2)
    assert "another-key" not in error.value.message


def test_they_race_over_keys_drawn_evenly(tmp_path: Path, seeded: dict[str, str]) -> None:
    with write_toml(tmp_path, warmup=0.1).open("a") as file:
        file.write("".join(f'[targets.{n}]\nkind = "{kind}"\n' for n, kind in DIRECT.items()))
    flags = ("--pairs", "6", "--slice", "1.0", "--rate", "100")
    race = dragstrip(tmp_path, seeded, "race", *flags)
    run, verdict = stored(tmp_path, "run.json"), stored(tmp_path, "verdict.json")
    assert race.returncode == (3 if verdict["verdict"] == "invalid" else 0), race.stderr
    assert {gate["name"] for gate in verdict["gates"] if not gate["passed"]} <= OF_THE_MACHINE
    for name, kind in DIRECT.items():
        assert run["targets"][name]["kind"] == kind
        assert run["targets"][name]["verified"] == run["targets"][name]["requests"] > 300
    key = seeded["SUPABASE_SERVICE_ROLE_KEY"]
    files = [file for file in (tmp_path / "runs").rglob("*") if file.is_file()]
    assert not any(key.encode() in file.read_bytes() for file in files)
    assert key not in race.stdout + race.stderr
