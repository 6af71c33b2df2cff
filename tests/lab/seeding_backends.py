"""The real backends of a lab that may be emptied, damaged and restarted, and a look into both."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import psutil
import psycopg

from dragstrip import lab as embedded
from dragstrip.cli import main
from dragstrip.config.config import Config, DatasetConfig
from dragstrip.lab import credentials, lifecycle
from dragstrip.lab.paths import Home
from dragstrip.lab.postgres import SUPERUSER
from dragstrip.lab.services import LabSettings, describe
from seeding.stores import open_stores
from tests.lab.lab_homes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.lab import LabState
    from dragstrip.lab.services import Service
    from seeding.dataset.model import Context

TABLES = ("contacts", "conversations", "messages", "contact_notes")
SECRETS = (
    "CONVEX_ADMIN_KEY", "SUPABASE_SERVICE_ROLE_KEY", "CRM_API_KEY", "KAPSO_WEBHOOK_SECRET",
    "SEED_SECRET", "POSTGRES_PASSWORD",
)  # fmt: skip

SLOW_PATHS = {"CONVEX_ADMIN_KEY": "", "SUPABASE_DB_URL": ""}
"""Environment variables that leave mutations and PostgREST, where COPY and import are quicker."""

Rows = dict[str, Any]
"""By the row's id, a value that another writing of the same row changes."""


@dataclass
class Backends:
    """A running lab, and the command line pointed at it."""

    home: Path
    settings: LabSettings
    environment: dict[str, str]
    _restarted: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def config(self, contacts: int, seed: int = 42) -> Config:
        dataset = DatasetConfig(seed=seed, contacts=contacts)
        return Config(dataset=dataset).with_environment(self.environment)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "dragstrip", *arguments],
            env=self._environ(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Where a shell has put the tests in the background, interrupts would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments: str, code: int = 0, **environ: str) -> tuple[str, str]:
        """Run a command in this process; return what it printed, which holds no secret."""
        out, err = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, self._environ(environ), clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            found = _exit_code(list(arguments))
        assert found == code, err.getvalue()
        self.assert_no_secret(out.getvalue() + err.getvalue(), environ)
        return out.getvalue(), err.getvalue()

    def seed(self, contacts: int, *arguments: str, **environ: str) -> dict[str, dict[str, Any]]:
        """Seed; return what was done by the store's name."""
        out, _ = self.run(
            "seed", "--contacts", str(contacts), "--json", *arguments, code=0, **environ
        )
        return {one["store"]: one for one in json.loads(out)["stores"]}

    def assert_no_secret(self, text: str, environ: dict[str, str]) -> None:
        for name in SECRETS:
            assert self.settings.secrets[name] not in text
            assert (environ.get(name) or "no such text") not in text
        assert "Traceback" not in text

    def postgres(self) -> psycopg.Connection[Any]:
        """Return a connection of the superuser's, which commits by itself."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.settings.ports["postgres"],
            user=SUPERUSER,
            password=self.settings.secrets["POSTGRES_PASSWORD"],
            dbname="postgres",
            autocommit=True,
        )

    def rows(self, name: str) -> Rows:
        """Return what is stored by the store of this name, rows of others included."""
        return self._convex_rows() if name == "Convex" else self._postgres_rows()

    def row_count(self, name: str, *tables: str) -> int:
        """Return how many rows are stored in these or in all tables."""
        return sum(self._row_count(name, table) for table in tables or TABLES)

    def restart(self, name: str) -> None:
        """Let a backend crash and come back: the Convex host, or PostgreSQL under Supabase."""
        if name == "Convex":
            self._restart_convex()
        else:
            self._restart_postgres()

    def _environ(self, environ: dict[str, str]) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **self.environment, **environ}

    def _row_count(self, name: str, table: str) -> int:
        if name == "Convex":
            with self._convex() as (database, number):
                (count,) = database.execute(f"select count(*) from d{number[table]}").fetchone()
        else:
            with self.postgres() as connection:
                (count,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
        return int(count)

    def _postgres_rows(self) -> Rows:
        # A row that is updated gets another xmin, even where nothing in it changes.
        parts = (f"select id::text, xmin::text from {table}" for table in TABLES)
        with self.postgres() as connection:
            return dict(connection.execute(" union all ".join(parts)).fetchall())

    def _convex_rows(self) -> Rows:
        with self._convex() as (database, number):
            return {
                document["external_id"]: (document["_id"], document["_creationTime"], text)
                for table in TABLES
                for (text,) in database.execute(f"select json from d{number[table]}")
                for document in (json.loads(text),)
            }

    @contextlib.contextmanager
    def _convex(self) -> Iterator[tuple[sqlite3.Connection, dict[str, int]]]:
        """Open the Convex host's data for reading; return with it the numbers of the tables."""
        file = self.settings.home.data / "convex.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            yield database, dict(database.execute("select name, number from lab_tables"))

    def _restart_convex(self) -> None:
        service = self._service("convex")
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.cmdline() == list(service.command.argv):
                    process.kill()
                    process.wait(60)
        self._restarted.append(
            subprocess.Popen(
                service.command.argv,
                cwd=service.command.cwd,
                env=service.command.env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        wait_until(lambda: service.check() is None)

    def _restart_postgres(self) -> None:
        # When one of its processes dies, PostgreSQL ends all connections and recovers from its log.
        with self.postgres() as connection:
            (pid,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
            os.kill(pid, signal.SIGKILL)
        for name in ("postgres", "supabase"):
            service = self._service(name)
            wait_until(lambda service=service: service.check() is None)  # type: ignore[misc]

    def _service(self, name: str) -> Service:
        return next(service for service in describe(self.settings) if service.name == name)

    def end_restarted(self) -> None:
        """End what the lab does not know it has."""
        for process in self._restarted:
            process.kill()
            process.wait()


def _exit_code(arguments: list[str]) -> int:
    try:
        main.main(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@contextlib.contextmanager
def running_backends() -> Iterator[Backends]:
    """Bring up a lab of the tests' own; it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="dragstrip-seed-"))
    home.chmod(0o711)
    try:
        known = lifecycle.up(home, reporter=print, owner_pid=os.getpid(), fallback_ports_only=True)
        backends = _backends(home, known)
        try:
            yield backends
        finally:
            backends.end_restarted()
    finally:
        lifecycle.down(home, purge=True)
        shutil.rmtree(home)


def _backends(home: Path, known: LabState) -> Backends:
    settings = LabSettings(Home(home), known.ports, credentials.load(Home(home)))
    return Backends(home, settings, embedded.environment(home))


def right_contacts(backends: Backends, name: str, digests: list[str]) -> list[int]:
    """Return the indices of the contacts that a store holds as they should be, by their digests."""
    contacts = len(digests)
    with open_stores(backends.config(contacts)) as stores:
        store = next(store for store in stores if store.name == name)
        return [
            index
            for start in range(0, contacts, store.page)
            for index, digest in store.contact_digests(
                start, min(start + store.page, contacts)
            ).items()
            if digest == digests[index]
        ]


def ids_of(context: Context) -> Iterator[str]:
    """Yield the id of every row that a context is made of."""
    yield context["contact"]["id"]
    if context["conversation"] is not None:
        yield context["conversation"]["id"]
    for row in (*context["messages"], *context["notes"]):
        yield row["id"]
