"""`dragstrip race` and `dragstrip report` as a user runs them, on the lab."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from dragstrip.run.folder import RunFolder
from seeding.dataset.dataset import Dataset
from seeding.seed import seed
from seeding.stores import open_stores
from tests.lab.lab_homes import wait_until
from tests.lab.lab_races import dragstrip, slices_done, start, stored
from tests.support.races import OF_THE_MACHINE, judged_anyhow
from tests.support.schema_validator import validator
from tests.support.seeded_lab import CONTACTS, seeded_config, write_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.lab import LabState

SECRETS = (
    "CONVEX_ADMIN_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "CRM_API_KEY",
    "KAPSO_WEBHOOK_SECRET",
)
SHORT = ("--pairs", "6", "--slice", "1.0", "--rate", "100")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_toml(tmp_path, warmup=0.1)
    return tmp_path


@pytest.fixture
def seeded(lab_environment: dict[str, str]) -> dict[str, str]:
    seeded_config(lab_environment)
    return lab_environment


def test_a_race_ends_with_a_verified_table_and_a_valid_run(
    folder: Path, lab: LabState, lab_environment: dict[str, str]
) -> None:
    done = dragstrip(folder, {"DRAGSTRIP_LAB_HOME": str(lab.home)}, "race", *SHORT)
    run, verdict = stored(folder, "run.json"), stored(folder, "verdict.json")

    validator("run").validate(run)
    validator("verdict").validate(verdict)
    assert not run["interrupted"]
    assert done.returncode == (3 if verdict["verdict"] == "invalid" else 0), done.stderr
    # This machine may be too busy to measure on; it is never an excuse for a wrong answer.
    assert {gate["name"] for gate in verdict["gates"] if not gate["passed"]} <= OF_THE_MACHINE
    for target in ("convex", "supabase"):
        assert run["targets"][target]["verified"] == run["targets"][target]["requests"] > 300
        assert run["targets"][target]["failed"] == {}
        assert run["targets"][target]["query_p50_ms"] > 0
    assert run["targets"]["convex"]["requests"] == run["targets"]["supabase"]["requests"]
    assert run["lab"] is verdict["lab"] is True
    assert run["scenario"]["facts"]["digest"] == Dataset(42, CONTACTS).digest()

    kept = {file.name for file in (folder / "runs" / "latest").iterdir()}
    assert {"locust.log", "locust.html", "locust_stats.csv", "plan.json", "ledger"} <= kept

    lines = done.stdout.splitlines()
    assert "Embedded lab" in lines[0]
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("verified requests") for line in lines)

    # The lab was up before, and stays so.
    assert "lab: in use" in done.stderr
    assert httpx.get(f"{lab_environment['CONVEX_URL']}/version").is_success

    again = dragstrip(folder, {}, "report", "latest")
    assert again.returncode == 0
    # The last line is the path of the report, here by way of the link to the latest run.
    assert again.stdout.splitlines()[:-1] == lines[: len(again.stdout.splitlines()) - 1]
    markdown = dragstrip(folder, {}, "report", "latest", "--format", "markdown")
    assert "| verified requests |" in markdown.stdout

    secrets = [lab_environment[name] for name in SECRETS]
    for file in (folder / "runs").rglob("*"):
        if file.is_file():
            assert not any(secret.encode() in file.read_bytes() for secret in secrets), file
    assert not any(secret in done.stdout + done.stderr for secret in secrets)


def test_one_endpoint_under_two_names_is_neither_better_nor_worse(
    tmp_path: Path, lab: LabState, seeded: dict[str, str]
) -> None:
    with write_toml(tmp_path, baseline="one", challenger="two", warmup=0.2).open("a") as file:
        file.write("".join(f'[targets.{name}]\nkind = "convex-http"\n' for name in ("one", "two")))
    flags = ("--pairs", "6", "--slice", "0.9", "--rate", "130", "--seed", "7")
    done = dragstrip(tmp_path, {"DRAGSTRIP_LAB_HOME": str(lab.home)}, "race", *flags)

    assert done.returncode in {0, 3}, done.stderr
    run, verdict = judged_anyhow(RunFolder(tmp_path / "runs" / "latest"))
    assert run.targets["one"].verified == run.targets["two"].verified > 400
    assert {one.url for one in run.targets.values()} == {seeded["CONVEX_SITE_URL"]}
    assert verdict.pairs == 6
    assert verdict.verdict in {"equivalent", "inconclusive"}


@contextmanager
def altered_note(seeded: dict[str, str], backend: str) -> Iterator[int]:
    """Change one note of one contact in one backend, and mend it afterwards."""
    config = seeded_config(seeded)
    dataset = Dataset(42, CONTACTS)
    index = next(i for i in range(40, CONTACTS) if dataset.context(i)["notes"])
    context = dataset.context(index)
    context["notes"][0]["content"] = "changed behind our back"
    with open_stores(config) as stores:
        store = next(one for one in stores if one.name == backend)
        store.write(store.encode([context]))
    try:
        yield index
    finally:
        seed(config)


@pytest.mark.parametrize("backend", ["Supabase", "Convex"])
def test_a_changed_note_is_named_and_refused(
    folder: Path, seeded: dict[str, str], backend: str
) -> None:
    with altered_note(seeded, backend) as index:
        done = dragstrip(folder, seeded, "race", *SHORT)
    assert done.returncode == 2
    assert f"contact {index} " in done.stderr
    assert "changed behind our back" in done.stderr
    assert done.stdout == ""
    assert not (folder / "runs").exists()


def test_a_note_that_changes_during_the_race_makes_it_invalid(
    folder: Path, seeded: dict[str, str]
) -> None:
    race = start(folder, seeded, "race", *SHORT)
    wait_until(lambda: slices_done(folder) >= 2)
    with altered_note(seeded, "Convex") as index:
        assert race.wait(120) == 3
    run, verdict = stored(folder, "run.json"), stored(folder, "verdict.json")
    assert "changed_data" in {gate["name"] for gate in verdict["gates"] if not gate["passed"]}
    assert run["data_after"] == "changed"
    assert f"contact {index} " in run["data_difference"]
    assert run["data_difference"] in verdict["reason"]
    assert verdict["ratio"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"CRM_API_KEY": "another-key"}, "refused CRM_API_KEY"),
        ({"NEXT_URL": "http://127.0.0.1:9"}, "unreachable"),
        ({"CONVEX_SITE_URL": "http://127.0.0.1:9"}, "unreachable"),
        ({"CONVEX_SITE_URL": ""}, "CONVEX_SITE_URL"),
        ({"CRM_API_KEY": ""}, "CRM_API_KEY is not set"),
    ],
)
def test_an_unfit_target_is_refused_before_anything_is_timed(
    folder: Path, seeded: dict[str, str], change: dict[str, str], words: str
) -> None:
    done = dragstrip(folder, seeded | change, "race", *SHORT)
    assert done.returncode == 2
    assert words in done.stderr
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "another-key" not in done.stderr
    assert not (folder / "runs").exists()


def test_targets_that_are_swapped_are_refused(folder: Path, seeded: dict[str, str]) -> None:
    swapped = seeded | {
        "NEXT_URL": seeded["CONVEX_SITE_URL"],
        "CONVEX_SITE_URL": seeded["NEXT_URL"],
    }
    done = dragstrip(folder, swapped, "race", *SHORT)
    assert done.returncode == 2
    # Either may be the first to answer.
    assert re.search("has no such HTTP action|is a site that has no such route", done.stderr)
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("run", ["nothing", "latest"])
def test_a_run_that_is_not_there_is_named(tmp_path: Path, run: str) -> None:
    done = dragstrip(tmp_path, {}, "report", run)
    assert done.returncode == 2
    assert f"runs/{run}/run.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs" / "x").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "run.json").write_text('{"schema_version": 7}')
    done = dragstrip(tmp_path, {}, "report", "x")
    assert done.returncode == 2
    assert "schema_version" in done.stderr
    assert "Traceback" not in done.stderr
