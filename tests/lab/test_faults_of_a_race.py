"""Services that are killed during a race: what was acknowledged is there, or its loss is named."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest

from dragstrip import lab as embedded
from dragstrip.lab import faults
from dragstrip.run.folder import RunFolder
from dragstrip.run.plan import alternate
from seeding.seed import seed
from seeding.verify import check_data
from tests.lab.lab_races import dragstrip
from tests.support.seeded_lab import seeded_config, write_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
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


@pytest.fixture
def forgetful(lab_environment: dict[str, str]) -> Iterator[None]:
    """A PostgreSQL that acknowledges a commit up to 10 s before it is in the kernel's hands."""
    with psycopg.connect(lab_environment["SUPABASE_DB_URL"], autocommit=True) as database:
        database.execute("alter system set synchronous_commit = off")
        database.execute("alter system set wal_writer_delay = '10s'")
        database.execute("select pg_reload_conf()")
    yield
    with psycopg.connect(lab_environment["SUPABASE_DB_URL"], autocommit=True) as database:
        database.execute("alter system reset all")
        database.execute("select pg_reload_conf()")
    # What was lost is there again for the tests that follow.
    seed(seeded_config(lab_environment))


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


@pytest.mark.usefixtures("forgetful")
def test_a_database_that_acknowledges_before_it_stores_is_unsafe(
    tmp_path: Path, home: dict[str, str]
) -> None:
    write_toml(tmp_path, warmup=0.2)
    kill = f"kill:postgres@{inside('supabase', 0.8)}"
    scenario = ("--scenario", "inbound-message")
    done = dragstrip(tmp_path, home, "race", *scenario, *FLAGS, "--fault", kill)
    run = RunFolder(tmp_path / "runs" / "latest").read_run()
    assert run.writes["supabase"].lost > 0
    assert run.writes["convex"].lost == 0
    assert "UNSAFE" in done.stdout
    assert "supabase" in next(line for line in done.stdout.splitlines() if "UNSAFE" in line)


def test_a_stopped_service_and_a_cut_database_answer_nothing_until_it_is_over(
    lab_environment: dict[str, str], home: dict[str, str]
) -> None:
    supabase = {"apikey": lab_environment["SUPABASE_SERVICE_ROLE_KEY"]}
    asked = {
        "stop:convex@0s": (f"{lab_environment['CONVEX_URL']}/version", {}),
        "cut:postgres@0s": (
            f"{lab_environment['SUPABASE_URL']}/rest/v1/seed_manifest?select=key&limit=1",
            supabase,
        ),
    }
    for text, (url, headers) in asked.items():
        ended = threading.Event()
        making = threading.Thread(target=faults.inflict, args=(faults.parse(text), ended))
        making.start()
        try:
            while is_answered(url, headers):
                assert making.is_alive()
        finally:
            ended.set()
            making.join()
        assert httpx.get(url, headers=headers, timeout=30, trust_env=False).is_success
    assert embedded.status() is not None


def is_answered(url: str, headers: dict[str, str]) -> bool:
    try:
        return httpx.get(url, headers=headers, timeout=0.5, trust_env=False).is_success
    except httpx.TimeoutException:
        return False
