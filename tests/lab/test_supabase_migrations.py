"""The migrations, applied by everything that must be able to: the Supabase CLI, a role like hosted
Supabase's, and Supabase Lite, which then answers supabase-py."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from postgrest.exceptions import APIError
from supabase import create_client

from dragstrip.lab.node import Node
from dragstrip.lab.paths import backend
from dragstrip.lab.ports import HOST
from dragstrip.run.ipc import free_port
from seeding.dataset.dataset import Dataset
from tests.lab.postgres_fixture import (
    PASSWORD,
    Cluster,
    apply_migrations,
    running_cluster,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CLI_PACKAGE = Path(__file__).with_name("supabase-cli")
SECRET_KEY, PUBLISHABLE_KEY = "sb_secret_of_the_tests", "sb_publishable_of_the_tests"
START_S = 60
DATASET = Dataset(seed=3, contacts=4)
WORKSPACE = DATASET.workspaces()[0]


def applied(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select version from supabase_migrations.schema_migrations order by 1"
        )
        return [version for (version,) in rows]


def versions() -> list[str]:
    return [
        path.name.split("_")[0] for path in sorted((backend("supabase") / "migrations").iterdir())
    ]


# --- the Supabase CLI


def test_the_supabase_cli_applies_them(cluster: Cluster, tmp_path: Path) -> None:
    install_cli()
    # A copy: the CLI leaves a folder of its own beside the configuration.
    shutil.copytree(backend("supabase"), tmp_path / "supabase")
    url = cluster.create_database()
    push = [
        str(CLI_PACKAGE / "node_modules" / ".bin" / "supabase"),
        f"--workdir={tmp_path}",
        "--yes",
        "db",
        "push",
        f"--db-url={url}?sslmode=disable",
    ]

    for _ in ("first", "again"):
        done = subprocess.run(
            push, capture_output=True, text=True, env=bare_env(tmp_path), check=False
        )
        assert done.returncode == 0, done.stderr
        assert "config.toml" not in done.stderr, "the CLI finds fault with the configuration"
        assert applied(url) == versions()


def install_cli() -> None:
    """Install the CLI as its lock file has it, unless that is done."""
    lock, stamp = CLI_PACKAGE / "package-lock.json", CLI_PACKAGE / "node_modules" / "stamp"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return
    node = Node.find()
    path = os.pathsep.join((str(node.program.parent), os.environ["PATH"]))
    subprocess.run(
        node.npm("ci", "--no-audit", "--no-fund", "--loglevel=error"),
        cwd=CLI_PACKAGE,
        env={**os.environ, "PATH": path},
        check=True,
    )
    shutil.copy(lock, stamp)


def bare_env(home: Path, **own: str) -> dict[str, str]:
    path = os.pathsep.join((str(Node.find().program.parent), os.defpath))
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "DO_NOT_TRACK": "1", **own}


# --- hosted Supabase


@pytest.fixture(scope="module")
def hosted_url() -> Iterator[str]:
    """Yield the URL of a database as hosted Supabase hands it over, migrated by its owner.

    There the role that runs migrations is no superuser, and what it makes in `public` is open to
    the API's roles by default. A cluster of its own, as roles belong to the cluster.
    """
    with running_cluster() as cluster:
        with psycopg.connect(cluster.url(), autocommit=True) as connection:
            connection.execute(
                f"""
                create role owner login createrole createdb bypassrls password '{PASSWORD}';
                create role anon nologin noinherit;
                create role authenticated nologin noinherit;
                create role service_role nologin noinherit bypassrls;
                grant anon, authenticated, service_role to owner;
                """.encode()
            )
            connection.execute("create database hosted owner owner")
        url = cluster.url("hosted", user="owner")
        with psycopg.connect(url) as connection:
            connection.execute(
                """
                alter default privileges in schema public
                  grant all on tables to anon, authenticated, service_role;
                alter default privileges in schema public
                  grant all on functions to anon, authenticated, service_role;
                grant usage on schema public to anon, authenticated, service_role;
                """
            )
        apply_migrations(url)
        yield url


def test_a_role_like_hosted_supabases_applies_them(hosted_url: str) -> None:
    with psycopg.connect(hosted_url) as connection:
        connection.execute("set local role service_role")
        connection.execute(
            "insert into workspaces (id, name, slug, kapso_phone_id) values (%s, 'A', 'a', '100')",
            (WORKSPACE["id"],),
        )
        connection.execute(
            "select ingest_kapso_message('100', '628', null, 'w', 'inbound', 'text', 'Hello', 1000)"
        )
        row = connection.execute(
            "select get_contact_context_by_phone(%s::uuid, '628') -> 'recent_messages'",
            (WORKSPACE["id"],),
        ).fetchone()

        assert row == ([{"content": "Hello", "direction": "inbound", "created_at": 1000}],)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_hosted_defaults_open_nothing(hosted_url: str, role: str) -> None:
    with psycopg.connect(hosted_url) as connection:
        opened = connection.execute(
            """
            select proname from pg_proc
            where pronamespace in ('public'::regnamespace, 'private'::regnamespace)
              and has_function_privilege(%(role)s, oid, 'execute')
            union all
            select relname from pg_class
            where relnamespace = 'public'::regnamespace and relkind = 'r'
              and has_table_privilege(%(role)s, oid, 'select, insert, update, delete, truncate')
            """,
            {"role": role},
        ).fetchall()

    assert opened == []


# --- Supabase Lite


class Lite:
    """Supabase Lite over a database of its own."""

    def __init__(self, url: str, home: Path) -> None:
        self.database, self.port, self.log = url, free_port(), home / "lite.log"
        self.env = bare_env(
            home,
            SUPABASE_DB_URL=url,
            SUPABASE_PORT=str(self.port),
            SUPABASE_PUBLISHABLE_KEY=PUBLISHABLE_KEY,
            SUPABASE_SERVICE_ROLE_KEY=SECRET_KEY,
        )
        self.exit_code: int | None = None

    def argv(self, *arguments: str) -> tuple[str, ...]:
        return Node.find().run(backend("supabase-lab") / "src" / "lite.ts", *arguments)

    def client(self, key: str = SECRET_KEY) -> Any:
        return create_client(f"http://{HOST}:{self.port}", key)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                self.argv("start", "--no-admin"), env=self.env, stdout=log, stderr=log
            )
        try:
            self._wait_until_ready(process)
            yield
        finally:
            process.terminate()
            self.exit_code = process.wait(START_S)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while self.status("/rest/v1/seed_manifest?select=key", {"apikey": SECRET_KEY}) != 200:
            assert process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def status(self, path: str, headers: dict[str, str]) -> int | None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=START_S)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def lite(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lite]:
    lite = Lite(cluster.create_database(), tmp_path_factory.mktemp("lite"))
    for _ in ("first", "again"):
        subprocess.run(lite.argv("migration", "up"), env=lite.env, check=True, capture_output=True)
        assert applied(lite.database) == versions()
    with lite.serving():
        yield lite
    assert lite.exit_code == 0


def test_upserts_through_lite_may_be_repeated(lite: Lite) -> None:
    client = lite.client()
    for context in map(DATASET.context, range(DATASET.contacts)):
        for _ in ("first", "again"):
            upsert(client, context)

    found = client.rpc("dragstrip_read_contexts", {"p_start": 0, "p_stop": 100}).execute().data
    assert found == [DATASET.context(index) for index in range(DATASET.contacts)]
    for index in range(DATASET.contacts + 1):
        parameters = {
            "p_workspace_id": DATASET.workspace_id(index),
            "p_phone": DATASET.phone(index),
        }
        answer = client.rpc("get_contact_context_by_phone", parameters).execute().data
        assert answer == DATASET.answer(index)


def upsert(client: Any, context: Any) -> None:
    workspaces = [{k: v for k, v in w.items() if k != "members"} for w in DATASET.workspaces()]
    tenant = {"workspace_id": context["contact"]["workspace_id"]}
    of_contact = {**tenant, "contact_id": context["contact"]["id"]}
    tables: list[tuple[str, list[dict[str, Any]]]] = [
        ("workspaces", workspaces),
        ("contacts", [{**context["contact"], "seed_index": context["index"]}]),
        ("contact_notes", [{**note, **of_contact} for note in context["notes"]]),
    ]
    if conversation := context["conversation"]:
        of_conversation = {**tenant, "conversation_id": conversation["id"]}
        tables += [
            ("conversations", [{**conversation, **of_contact}]),
            ("messages", [{**message, **of_conversation} for message in context["messages"]]),
        ]
    for table, rows in tables:
        if rows:
            client.table(table).upsert([with_times(row) for row in rows]).execute()


def with_times(row: dict[str, Any]) -> dict[str, Any]:
    times = ("created_at", "first_contact_date", "last_message_at")
    return {
        name: f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(value // 1000))}.{value % 1000:03}Z"
        if name in times and value is not None
        else value
        for name, value in row.items()
    }


def test_the_publishable_key_opens_nothing(lite: Lite) -> None:
    client = lite.client(PUBLISHABLE_KEY)

    assert client.table("contacts").select("*").execute().data == []
    with pytest.raises(APIError, match="permission denied"):
        client.rpc(
            "get_contact_context_by_phone", {"p_workspace_id": WORKSPACE["id"], "p_phone": "1"}
        ).execute()


def test_a_request_without_a_key_is_refused(lite: Lite) -> None:
    assert lite.status("/rest/v1/contacts?select=id", {}) == 401
    assert lite.status("/rest/v1/contacts?select=id", {"apikey": "wrong"}) == 401


def test_lite_logs_neither_key_nor_address_of_the_database(lite: Lite) -> None:
    log = lite.log.read_text()

    assert "Server running on" in log
    for secret in (SECRET_KEY, PUBLISHABLE_KEY, PASSWORD):
        assert secret not in log
