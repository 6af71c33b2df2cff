"""Runs that earlier versions stored are read as runs of this one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.compare import compare
from dragstrip.analysis.regression import Tolerance
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.errors import StorageError
from dragstrip.report import terminal
from dragstrip.run.folder import RunFolder
from tests.support.own_facts import over_own_numbers
from tests.support.runs import conclude, plan_of, record
from tests.support.schema_validator import validator

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.run.model import Run

SEEDED = {"seed": 42, "contacts": 100, "digest": "d" * 64, "generator": "1"}
PARTLY = SEEDED | {"kind": "seeded", "compared": 200, "ranges": 7813}
WHOLLY = SEEDED | {"kind": "seeded", "compared": 1, "ranges": 1}
OWN = {"kind": "keys-file", "keys": 500, "found": 480, "sha256": "a" * 64}


def now(**race: Any) -> Run:
    plan = plan_of(**race)
    return conclude(plan, record(plan))[0]


def stored(folder: Path, version: int, dataset: object, **race: Any) -> RunFolder:
    """Return a folder with a run.json as that version wrote it."""
    document = json.loads(now(**race).model_dump_json())
    del document["scenario"], document["config"]["scenario"]
    document |= {"schema_version": version, "dataset": dataset}
    (folder / "run.json").write_text(json.dumps(document))
    return RunFolder(folder)


@pytest.mark.parametrize(
    ("version", "dataset", "data"),
    [
        (1, SEEDED, "100 contacts of seed 42"),
        (2, WHOLLY, "100 contacts of seed 42"),
        (2, PARTLY, "100 contacts of seed 42 (200 of 7,813 ranges of contacts were compared)"),
    ],
)
def test_a_race_over_seeded_contacts(
    tmp_path: Path, version: int, dataset: dict[str, Any], data: str
) -> None:
    run = stored(tmp_path, version, dataset).read_run()
    assert run.schema_version == 3
    assert (run.scenario.name, run.scenario.keys) == ("lookup", 100)
    facts = run.scenario.facts
    assert (facts.data, facts.answers, facts.digest) == (data, "right", "d" * 64)
    for name in ("seed", "contacts", "generator", "compared", "ranges"):
        assert facts.values[name] == dataset.get(name)
    assert facts.commands == ["seed", "verify"]
    as_it_was = now().model_copy(update={"scenario": run.scenario, "config": run.config})
    assert run == as_it_was


def test_a_race_over_a_keys_file(tmp_path: Path) -> None:
    run = stored(tmp_path, 2, OWN, miss=0).read_run()
    assert run.schema_version == 3
    # The same words and figures as a race of today has.
    today = over_own_numbers(now(miss=0), keys=500, found=480, sha256="a" * 64)
    for field in ("data", "answers", "digest", "digest_of", "values", "alike", "commands", "proof"):
        assert getattr(run.scenario.facts, field) == getattr(today.scenario.facts, field), field
    assert (run.scenario.name, run.scenario.keys) == ("lookup", 500)
    assert judge(run, RulesConfig()).answers == "alike"


@pytest.mark.parametrize(("version", "dataset"), [(1, SEEDED), (2, WHOLLY), (2, OWN)])
def test_it_is_shown_stored_and_compared_like_any_other(
    tmp_path: Path, version: int, dataset: dict[str, Any]
) -> None:
    folder = stored(tmp_path, version, dataset)
    run = folder.read_run()
    validator("run").validate(json.loads(run.model_dump_json()))
    assert run.scenario.facts.data in " ".join(
        terminal.text(run, judge(run, RulesConfig()), verbose=True).split()
    )
    newer = now().model_copy(update={"id": "20250103T030405Z-abcd"})
    newer = over_own_numbers(newer) if dataset is OWN else newer
    assert compare(run, newer, Tolerance()).unlike == []
    folder.write_run(run)
    assert folder.read_run() == run


@pytest.mark.parametrize(
    ("dataset", "place"),
    [
        ({}, "dataset.contacts"),
        (SEEDED | {"contacts": "many"}, "dataset.contacts"),
        (OWN | {"found": None}, "dataset.found"),
        (None, "scenario"),
        (SEEDED | {"contacts": 0}, "scenario.keys"),
    ],
)
def test_what_no_version_wrote_is_one_error(tmp_path: Path, dataset: object, place: str) -> None:
    with pytest.raises(StorageError, match=place):
        stored(tmp_path, 2, dataset).read_run()


def test_a_version_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="schema_version"):
        stored(tmp_path, 4, SEEDED).read_run()
