"""What can be wrong: each is one clear error with its fix, exit code 2, and nothing left."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from dragstrip.errors import LabError
from dragstrip.lab import lifecycle, ports, state
from dragstrip.lab.paths import HOME_VARIABLE, Home
from dragstrip.lab.processes import Identity, marked
from tests.lab.lab_homes import DRAGSTRIP, left_behind, temporary_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip import lab as embedded

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@pytest.fixture
def home() -> Iterator[Path]:
    with temporary_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def used_home() -> Iterator[Path]:
    """A home that holds a lab's data and one row of ours; its lab is down."""
    with temporary_home() as folder:
        known = lifecycle.up(folder, fallback_ports_only=True)
        with connect(folder, known) as connection:
            connection.execute("create table kept (n int)")
            connection.execute("insert into kept values (7)")
        lifecycle.down(folder)
        yield folder


def connect(home: Path, known: embedded.LabState) -> psycopg.Connection[tuple[object, ...]]:
    password = json.loads(Home(home).secrets_file.read_text())["POSTGRES_PASSWORD"]
    return psycopg.connect(
        host="127.0.0.1",
        port=known.ports["postgres"],
        user="postgres",
        dbname="postgres",
        password=password,
    )


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DRAGSTRIP, "lab", *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def assert_refused(
    done: subprocess.CompletedProcess[str], *parts: str, home: Path | None = None
) -> None:
    """The command failed as documented: exit code 2, an error and its fix, no traceback."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "error: " in done.stderr
    assert "fix: " in done.stderr
    for part in parts:
        assert part in done.stderr
    if home is not None:
        assert left_behind(home, {}) == []
        assert not Home(home).state_file.exists()


# Ports


def test_a_port_that_is_insisted_on_and_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--home", home, "up", "--port", f"next={port}")
        assert_refused(done, f"--port next={port}", "taken by", f"pid {os.getpid()}", home=home)


def test_ports_that_are_insisted_on_are_used(home: Path) -> None:
    wanted = ports.choose({}, fallback_only=True)
    options = [text for name, port in wanted.items() for text in ("--port", f"{name}={port}")]
    done = run("--home", home, "up", *options)
    assert done.returncode == 0, done.stderr
    known = lifecycle.status(home)
    assert known is not None
    assert known.ports == wanted
    # Other ports cannot be had from a lab that is up.
    done = run("--home", home, "up", "--port", "next=1")
    assert done.returncode == 2
    assert f"the lab is up and uses {wanted['next']}" in done.stderr


class _Impostor(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(401)


def test_a_port_that_is_snatched_by_one_who_answers_alike(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Impostor) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        chosen = {**ports.choose({}, fallback_only=True), "next": server.server_port}
        monkeypatch.setattr(ports, "choose", lambda *_args, **_options: chosen)
        try:
            with pytest.raises(LabError, match="next did not start: it exited with") as caught:
                lifecycle.up(home)
        finally:
            server.shutdown()
            thread.join()
    assert "EADDRINUSE" in caught.value.message
    assert "run `dragstrip lab up` again" in str(caught.value.fix)
    assert left_behind(home, {}) == []


# The home folder


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "home"
    file.write_text("precious")
    environ = {**os.environ, HOME_VARIABLE: str(file)}
    done = subprocess.run(
        [DRAGSTRIP, "lab", "up"], env=environ, capture_output=True, text=True, check=False
    )
    assert_refused(done, str(file), HOME_VARIABLE)
    assert file.read_text() == "precious"


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", folder], check=True
    )
    try:
        yield folder / "home"
    finally:
        lifecycle.down(folder / "home", purge=True)
        subprocess.run(["umount", folder], check=True)


@needs_root
def test_a_disk_that_is_too_small(home: Path) -> None:
    with small_disk(home, "64m") as lab_home:
        assert_refused(run("--home", lab_home, "up"), "MiB are free", HOME_VARIABLE, home=lab_home)


@needs_root
@pytest.mark.parametrize("size", ["8m", "24m", "32m"])
def test_a_disk_that_fills_up_on_the_way(
    home: Path, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "NEEDED_BYTES", 0)
    with small_disk(home, size) as lab_home:
        with pytest.raises(LabError, match=r"No space left|no space is left|ENOSPC") as caught:
            lifecycle.up(lab_home, fallback_ports_only=True)
        assert "free some space" in str(caught.value.fix)
        assert left_behind(lab_home, {}) == []


@needs_root
def test_a_disk_that_is_full_to_the_last_byte(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "NEEDED_BYTES", 0)
    with small_disk(home, "1m") as lab_home:
        with (home / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        with pytest.raises(LabError, match="no space is left") as caught:
            lifecycle.up(lab_home, fallback_ports_only=True)
        assert HOME_VARIABLE in str(caught.value.fix)


# What was left by an earlier life


def test_data_survive_down_and_up(used_home: Path) -> None:
    known = lifecycle.up(used_home, fallback_ports_only=True)
    with connect(used_home, known) as connection:
        assert connection.execute("select n from kept").fetchall() == [(7,)]
    assert lifecycle.down(used_home)
    assert left_behind(used_home, known.ports) == []
    assert not lifecycle.down(used_home)


def test_a_state_from_before_a_reboot(used_home: Path) -> None:
    known = lifecycle.up(used_home, fallback_ports_only=True)
    lifecycle.down(used_home)
    # Its pids belong to others by now: to this very process.
    other = Identity(pid=os.getpid(), birth="another boot:1")
    services = {
        name: service.model_copy(update={"process": other, "guard": other})
        for name, service in known.services.items()
    }
    stale = known.model_copy(update={"supervisor": other, "services": services})
    state.write(Home(used_home), stale)

    done = run("--home", used_home, "status")
    assert done.returncode == 2
    assert "its supervisor is gone" in done.stdout
    # So may be its ports.
    with socket.create_server(("127.0.0.1", known.ports["next"])):
        assert not lifecycle.down(used_home)

    state.write(Home(used_home), stale)
    again = lifecycle.up(used_home)
    assert not again.not_up
    assert again.ports == known.ports
    lifecycle.down(used_home)


def test_a_damaged_state(used_home: Path) -> None:
    known = lifecycle.up(used_home, fallback_ports_only=True)
    Home(used_home).state_file.write_text('{"home": ')
    for command in ("up", "status", "env"):
        done = run("--home", used_home, command)
        assert done.returncode == 2
        assert "state.json is damaged" in done.stderr
        assert "dragstrip lab down" in done.stderr
    assert run("--home", used_home, "down").returncode == 0
    assert left_behind(used_home, known.ports) == []


def test_secrets_that_are_gone_or_damaged(used_home: Path, tmp_path: Path) -> None:
    place = Home(used_home)
    kept = shutil.copy(place.secrets_file, tmp_path)
    place.secrets_file.unlink()
    assert_refused(run("--home", used_home, "up"), "secrets.json is gone", home=used_home)
    place.secrets_file.write_text("[]")
    assert_refused(run("--home", used_home, "up"), "does not hold the lab's", home=used_home)
    shutil.copy(kept, place.secrets_file)


# Services that refuse to start


@pytest.fixture
def copied_home(used_home: Path) -> Iterator[Path]:
    """A copy of the used home, to be damaged."""
    with temporary_home() as folder:
        subprocess.run(["cp", "-a", f"{used_home}/.", folder], check=True)
        yield folder


def test_a_damaged_postgres(copied_home: Path) -> None:
    control = copied_home / "data" / "postgres" / "global" / "pg_control"
    control.write_bytes(bytes(control.stat().st_size))
    done = run("--home", copied_home, "up")
    assert_refused(done, "postgres did not start", "postgres.log", "--purge", home=copied_home)
    # PostgreSQL's own words are shown.
    assert "FATAL" in done.stderr or "PANIC" in done.stderr
    assert "FATAL" in run("--home", copied_home, "logs", "postgres").stdout

    assert run("--home", copied_home, "down", "--purge").returncode == 0
    assert not list(copied_home.glob("data*"))
    assert run("--home", copied_home, "up").returncode == 0


def test_a_damaged_convex_database(copied_home: Path) -> None:
    files = [path for path in (copied_home / "data").glob("convex.sqlite*") if path.is_file()]
    assert files
    for file in files:
        file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    done = run("--home", copied_home, "up")
    assert_refused(done, "convex did not start", "convex.log", "--purge", home=copied_home)
    assert "database" in done.stderr


def test_a_supervisor_that_does_not_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = home / "python"
    python.write_text("#!/bin/sh\necho 'this Python is broken' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(LabError, match="supervisor ended") as caught:
        lifecycle.up(home, fallback_ports_only=True)
    assert "this Python is broken" in caught.value.message
    assert str(Home(home).supervisor_log) in caught.value.message


# Nothing up


def test_commands_on_a_lab_that_is_down(home: Path) -> None:
    done = run("--home", home, "down")
    assert (done.returncode, done.stderr) == (0, "the lab was not up\n")
    done = run("--home", home, "status")
    assert (done.returncode, done.stdout) == (2, "the lab is down\n")
    assert json.loads(run("--home", home, "status", "--json").stdout)["phase"] == "down"
    assert_refused(run("--home", home, "env"), "the lab is not up", "dragstrip lab up")
    assert_refused(run("--home", home, "logs", "next"), "there is no log", "dragstrip lab up")
    assert_refused(run("--home", home, "logs", "-f"), "--follow needs a service")
    nowhere = home / "nowhere"
    assert run("--home", nowhere, "down").returncode == 0
    assert run("--home", nowhere, "status").returncode == 2
    assert not nowhere.exists()
    assert marked(Home(home).mark) == []
