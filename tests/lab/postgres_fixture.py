"""A PostgreSQL of the tests' own: a cluster in a temporary folder, on a free loopback port."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from dragstrip.lab import postgres as lab_postgres
from dragstrip.lab.paths import Home, backend
from dragstrip.lab.ports import HOST
from dragstrip.run.ipc import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.lab.command import Command

PASSWORD = "of-the-tests"
MIGRATIONS = sorted((backend("supabase") / "migrations").glob("*.sql"))
_START_S = 30
_ENV = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL; every database made here is empty and its caller's alone."""

    port: int

    def url(self, database: str = "postgres", user: str = lab_postgres.SUPERUSER) -> str:
        return f"postgresql://{user}:{PASSWORD}@{HOST}:{self.port}/{database}"

    def create_database(self) -> str:
        """Return the URL of a new database of the superuser's."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.url(name)

    def create_migrated_database(self) -> str:
        """Return the URL of a new database with all migrations applied."""
        url = self.create_database()
        apply_migrations(url)
        return url


def apply_migrations(url: str) -> None:
    """Apply each file of backends/supabase/migrations in a transaction of its own."""
    assert MIGRATIONS, "backends/supabase/migrations is empty"
    with psycopg.connect(url, autocommit=True) as connection:
        for path in MIGRATIONS:
            with connection.transaction():
                connection.execute(path.read_bytes())


@contextlib.contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a PostgreSQL that is gone, with its data, at the end."""
    # Not pytest's own folder: only root may enter that one, and PostgreSQL will not be root.
    folder = Path(tempfile.mkdtemp(prefix="dragstrip-test-"))
    folder.chmod(0o711)
    home = Home(folder)
    try:
        home.create()
        server = lab_postgres.Postgres.place(home)
        server.prepare_cluster(PASSWORD)
        _run(server.create_cluster(_ENV))
        server.adopt_cluster()
        port = free_port()
        with _serving(server.serve(port, _ENV), port):
            yield Cluster(port)
    finally:
        lab_postgres.purge(home)
        shutil.rmtree(folder)


@contextlib.contextmanager
def _serving(command: Command, port: int) -> Iterator[None]:
    with command.log.open("ab") as log:
        process = subprocess.Popen(
            command.argv, stdout=log, stderr=log, **_identity(command), cwd=command.cwd, env=_ENV
        )
    try:
        _wait_until_ready(port, process, command.log)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_START_S)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(Cluster(port).url(), connect_timeout=_START_S).close()
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def _run(command: Command) -> None:
    with command.log.open("ab") as log:
        subprocess.run(
            command.argv,
            stdout=log,
            stderr=log,
            check=True,
            **_identity(command),
            cwd=command.cwd,
            env=_ENV,
        )


def _identity(command: Command) -> dict[str, Any]:
    if command.user is None:
        return {}
    return {"user": command.user, "group": command.group, "extra_groups": []}
