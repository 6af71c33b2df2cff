"""A lab of a benchmark's own, with a way into both databases: what seeding is measured on."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from dragstrip import lab as embedded
from dragstrip.config.config import Config, DatasetConfig, TargetConfig
from dragstrip.lab import credentials, lifecycle
from dragstrip.lab.paths import Home
from dragstrip.lab.ports import HOST
from dragstrip.lab.postgres import SUPERUSER, Postgres
from dragstrip.lab.services import LabSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLES = ("contacts", "conversations", "messages", "contact_notes")
"""Parents before children."""

KINDS: dict[str, str] = {"Convex": "convex-http", "Supabase": "next-supabase"}
"""A target of each backend, by the store's name."""

SLOW_PATHS = {"CONVEX_ADMIN_KEY": "", "SUPABASE_DB_URL": ""}
"""Variables that leave mutations and PostgREST."""


@dataclass(frozen=True)
class SeedingLab:
    """A running lab."""

    settings: LabSettings
    environment: dict[str, str]

    def config(
        self, contacts: int, *stores: str, seed: int = 42, changes: Mapping[str, str] | None = None
    ) -> Config:
        """Return a configuration with a target for each of the stores, or for both."""
        return Config(
            targets={name.lower(): TargetConfig(kind=KINDS[name]) for name in stores or KINDS},
            dataset=DatasetConfig(seed=seed, contacts=contacts),
        ).with_environment({**self.environment, **(changes or {})})

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command of dragstrip in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "dragstrip", *arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def postgres(self) -> psycopg.Connection[Any]:
        """Return a connection of the superuser's, which commits by itself."""
        return psycopg.connect(
            host=HOST,
            port=self.settings.ports["postgres"],
            user=SUPERUSER,
            password=self.settings.secrets["POSTGRES_PASSWORD"],
            dbname="postgres",
            autocommit=True,
        )

    @contextlib.contextmanager
    def convex(self) -> Iterator[tuple[sqlite3.Connection, dict[str, int]]]:
        """Open the Convex host's data for reading; return with it the numbers of its tables."""
        file = self.settings.home.data / "convex.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            yield database, dict(database.execute("select name, number from lab_tables"))

    def count_rows(self, name: str) -> dict[str, int]:
        """Return how many rows a backend holds in each table that contacts are kept in."""
        if name == "Convex":
            with self.convex() as (database, number):
                return {table: _count(database, f"d{number[table]}") for table in TABLES}
        with self.postgres() as connection:
            return {table: _count(connection, table) for table in TABLES}

    def empty_supabase(self) -> None:
        """Leave nothing there but the workspaces, and nothing for the disk to catch up with."""
        with self.postgres() as connection:
            connection.execute("truncate contacts cascade")
            connection.execute("delete from seed_manifest")
            connection.execute("checkpoint")

    def psql(self, *commands: str) -> None:
        """Let psql run commands, each a transaction."""
        subprocess.run(
            [
                str(Postgres.place(self.settings.home).programs / "psql"),
                *("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--host={HOST}"),
                *(f"--port={self.settings.ports['postgres']}", f"--username={SUPERUSER}"),
                *("--dbname=postgres", *(f"--command={command}" for command in commands)),
            ],
            env={"PATH": os.defpath, "PGPASSWORD": self.settings.secrets["POSTGRES_PASSWORD"]},
            check=True,
        )


@contextlib.contextmanager
def running() -> Iterator[SeedingLab]:
    """Bring up a lab; it is gone, with its data, afterwards."""
    home = Path(tempfile.mkdtemp(prefix="dragstrip-bench-"))
    # PostgreSQL's own user must get through.
    home.chmod(0o711)
    try:
        known = lifecycle.up(home, reporter=_tell, owner_pid=os.getpid(), fallback_ports_only=True)
        settings = LabSettings(Home(home), known.ports, credentials.load(Home(home)))
        yield SeedingLab(settings, embedded.environment(home))
    finally:
        lifecycle.down(home, purge=True)
        shutil.rmtree(home)


def _count(database: sqlite3.Connection | psycopg.Connection[Any], table: str) -> int:
    found = database.execute(f"select count(*) from {table}").fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
