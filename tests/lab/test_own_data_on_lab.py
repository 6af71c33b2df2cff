"""Numbers of one's own against the real endpoints, to which seeded contacts are somebody's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from seeding.dataset.dataset import Dataset
from tests.lab.lab_races import dragstrip, stored
from tests.lab.test_race_on_lab import altered_note
from tests.support.races import OF_THE_MACHINE
from tests.support.seeded_lab import CONTACTS, seeded_config

if TYPE_CHECKING:
    from pathlib import Path

DATASET = Dataset(42, CONTACTS)
NUMBERS = range(30, 80)
FOREIGN = 4
TARGETS = ("CONVEX_SITE_URL", "NEXT_URL", "CRM_API_KEY")


@pytest.fixture
def targets(lab_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return what it takes to reach the targets, and nothing by which a store could be."""
    seeded_config(lab_environment)
    lines = [f"+{DATASET.phone(index)},{DATASET.workspace_id(index)}" for index in NUMBERS]
    lines += [f"+1 555 010 {n:04d},{DATASET.workspace_id(0)}" for n in range(FOREIGN)]
    (tmp_path / "keys.csv").write_text("\n".join(lines))
    (tmp_path / "dragstrip.toml").write_text(
        '[dataset]\nkeys_file = "keys.csv"\n[race]\nwarmup = 0.1\n[rules]\nmetric = "p50"\n'
    )
    return {name: lab_environment[name] for name in TARGETS}


def test_the_lab_is_raced_over_numbers_without_its_stores(
    tmp_path: Path, targets: dict[str, str]
) -> None:
    done = dragstrip(tmp_path, targets, "race", "--pairs", "6", "--slice", "0.6", "--rate", "50")
    assert done.returncode in {0, 3}, done.stderr
    run = stored(tmp_path, "run.json")
    assert {gate["name"] for gate in run["gates"] if not gate["passed"]} <= OF_THE_MACHINE
    values = run["scenario"]["facts"]["values"]
    assert values == {"keys": len(NUMBERS) + FOREIGN, "found": len(NUMBERS)}
    assert run["data_after"] == "same"
    for target in run["targets"].values():
        assert target["verified"] == target["requests"] > 100
    for file in (tmp_path / "runs").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(DATASET.phone(index).encode() in content for index in NUMBERS), file


def test_an_altered_note_is_named_by_line_and_field_and_not_quoted(
    tmp_path: Path, targets: dict[str, str], lab_environment: dict[str, str]
) -> None:
    proof = json.loads(dragstrip(tmp_path, targets, "verify", "--json").stdout)
    assert (proof["keys"], proof["found"]) == (len(NUMBERS) + FOREIGN, len(NUMBERS))
    with altered_note(lab_environment, "Convex") as index:
        done = dragstrip(tmp_path, targets, "verify")
    assert done.returncode == 1
    line = index - NUMBERS.start + 1
    assert f"error: keys.csv, line {line}: notes[" in done.stderr
    assert "differs between convex and supabase" in done.stderr
    assert "behind our back" not in done.stderr
    assert DATASET.phone(index) not in done.stderr
