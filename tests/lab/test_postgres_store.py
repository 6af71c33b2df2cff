"""PostgresStore on a real PostgreSQL: what COPY stores, what is tried again, what is named."""

from __future__ import annotations

import contextlib
import socket
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.config.config import Config, DatasetConfig
from dragstrip.errors import BackendError, ConfigError
from seeding import seed as seeding
from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import contact_digest, range_digest, ranges
from seeding.stores import open_stores, postgres, postgres_connections
from seeding.stores.postgres import PostgresStore
from seeding.stores.refusals import TooMuch
from tests.lab.postgres_fixture import PASSWORD, apply_migrations
from tests.lab.test_supabase_seeding_sql import awkward_context, row_id
from tests.support.postgres_proxy import postgres_proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.model import Context, Manifest
    from tests.lab.postgres_fixture import Cluster
    from tests.support.postgres_proxy import Fault

DATASET = Dataset(seed=42, contacts=300)
CONTEXTS = list(DATASET.contexts(0, 300))
WORKSPACES = DATASET.workspaces()
MANIFEST: Manifest = {
    "seed": 42, "contacts": 300, "digest": "d", "generator": "1", "state": "seeding",
}  # fmt: skip


@contextlib.contextmanager
def a_store(url: str) -> Iterator[PostgresStore]:
    with contextlib.closing(PostgresStore(url)) as store:
        yield store


@pytest.fixture(scope="module")
def url(cluster: Cluster) -> str:
    return cluster.create_migrated_database()


@pytest.fixture(scope="module")
def filled_store(url: str) -> Iterator[PostgresStore]:
    """Yield a store with whatever the test before has left in it."""
    with a_store(url) as store:
        yield store


@pytest.fixture
def store(filled_store: PostgresStore) -> PostgresStore:
    """Return a store whose database holds the workspaces and no contact."""
    filled_store.delete_contexts(0, 2**63 - 1)
    filled_store.delete_manifest()
    filled_store.write_workspaces(WORKSPACES)
    return filled_store


def write(store: PostgresStore, contexts: list[Context]) -> None:
    store.write(store.encode(contexts))


def test_contacts_are_read_as_they_were_written(store: PostgresStore) -> None:
    write(store, CONTEXTS)

    assert store.contexts(0, 1_000) == CONTEXTS
    assert store.next_index(0) == 0
    assert store.next_index(300) is None
    digests = [(index, contact_digest(context)) for index, context in enumerate(CONTEXTS)]
    assert store.contact_digests(0, 300) == dict(digests)
    assert [(r.start, r.contacts, r.digest) for r in store.range_digests(0, 300)] == [
        (first, end - first, range_digest(digests[first:end])) for first, end in ranges(0, 300)
    ]


@given(
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    tags=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    ms=st.integers(-(10**12), 10**13),
    score=st.integers(0, 100),
    index=st.integers(0, 2**62),
)
@settings(max_examples=40, deadline=None)
def test_any_value_is_read_as_it_was_written(
    filled_store: PostgresStore, text: str, tags: list[str], ms: int, score: int, index: int
) -> None:
    context = awkward_context()
    context["index"] = index
    context["contact"] |= {"name": text, "tags": tags, "lead_score": score, "created_at": ms}
    context["messages"][0]["content"] = text
    context["notes"][-1] |= {"author_id": row_id(5), "content": text}
    filled_store.delete_contexts(0, 2**63 - 1)
    filled_store.write_workspaces(WORKSPACES)
    write(filled_store, [context])
    assert filled_store.contexts(index, index + 1) == [context]


def test_writing_again_changes_nothing_and_mends_what_differs(
    store: PostgresStore, url: str
) -> None:
    write(store, CONTEXTS[:200])
    before = store.contact_digests(0, 300)
    write(store, CONTEXTS[:200])
    assert store.contact_digests(0, 300) == before

    with psycopg.connect(url) as connection:
        connection.execute("update contact_notes set content = 'altered'")
        connection.execute("update contacts set lead_score = 1, tags = '{x}'")
        connection.execute("delete from messages where direction = 'inbound'")
    write(store, CONTEXTS)
    assert store.contexts(0, 300) == CONTEXTS


def test_the_manifest_is_kept_until_it_is_deleted(store: PostgresStore) -> None:
    assert store.read_manifest() is None
    store.write_manifest(MANIFEST)
    store.write_manifest({**MANIFEST, "contacts": 10**8, "state": "complete"})
    assert store.read_manifest() == {**MANIFEST, "contacts": 10**8, "state": "complete"}
    store.delete_manifest()
    store.delete_manifest()
    assert store.read_manifest() is None


def test_workspaces_are_written_read_and_deleted(store: PostgresStore) -> None:
    ids = [workspace["id"] for workspace in WORKSPACES]
    store.write_workspaces(WORKSPACES)
    assert store.read_workspaces(ids[::-1]) == WORKSPACES[::-1]
    write(store, CONTEXTS[:1])

    assert store.delete_workspaces(ids) == 3
    assert store.delete_contexts(0, 10) == 1
    assert store.delete_workspaces(ids) == 1
    assert store.read_workspaces(ids) == []


# --- what is tried again


@pytest.mark.parametrize(
    "fault", ["commit is lost", "answer to commit is lost", "server is frozen"]
)
def test_a_batch_is_stored_once_whatever_becomes_of_its_commit(
    store: PostgresStore, url: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connections.DatabaseConnection.wait, "__defaults__", (0.1, 2.0))
    with postgres_proxy(url) as proxy, a_store(proxy.url) as cut:
        assert cut.read_manifest() is None
        proxy.fault = fault
        write(cut, CONTEXTS)
        assert proxy.fault is None, "it has not struck"
        assert proxy.connections >= 2

    assert store.contexts(0, 300) == CONTEXTS


def test_connections_that_the_server_has_ended_are_made_again(
    store: PostgresStore, url: str
) -> None:
    store.write_manifest(MANIFEST)
    with psycopg.connect(url, autocommit=True) as connection:
        ended = connection.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'dragstrip' and datname = current_database()"
        ).fetchone()
    assert ended != (0,)

    assert store.read_manifest() == MANIFEST
    write(store, CONTEXTS)
    assert store.contexts(0, 300) == CONTEXTS


def test_a_database_that_stays_away_is_given_up_in_the_end(store: PostgresStore, url: str) -> None:
    delays: list[float] = []
    with postgres_proxy(url) as proxy, a_store(proxy.url) as cut:
        cut._retry.sleep = delays.append
        assert cut.read_manifest() is None
        proxy.close()
        cut._connections.close()
        with pytest.raises(BackendError, match="did not come back within 5 minutes") as error:
            cut.read_manifest()
    assert sum(delays) >= 300
    assert "it continues" in (error.value.fix or "")


def test_no_batch_is_reported_as_stored_before_it_is_on_the_disk(
    store: PostgresStore, url: str
) -> None:
    """For a server that crashes would forget it, and nobody would look again."""
    with psycopg.connect(url, autocommit=True) as connection:
        role = make_role(connection, "superuser")
        connection.execute(
            f"alter role {role} set synchronous_commit = off;"
            "create table seen (setting text);"
            "create function note() returns trigger language plpgsql as $$ begin"
            "  insert into seen values (current_setting('synchronous_commit'));"
            "  return null; end $$;"
            "create trigger note after insert on messages execute function note()".encode()
        )
        with a_store(as_role(url, role)) as hasty:
            for _ in ("first", "again"):
                write(hasty, CONTEXTS)
        seen = connection.execute("select distinct setting from seen").fetchall()
        connection.execute("drop trigger note on messages; drop function note; drop table seen")

    assert seen == [("on",)]


# --- what is named


def test_somebody_elses_contact_with_a_seeded_number_is_named(
    store: PostgresStore, url: str
) -> None:
    contact = CONTEXTS[7]["contact"]
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into contacts (workspace_id, phone, first_contact_date) values (%s, %s, now())",
            (contact["workspace_id"], contact["phone"]),
        )
    try:
        with pytest.raises(
            BackendError, match="a contact that dragstrip did not seed has the phone"
        ) as error:
            write(store, CONTEXTS)
        assert contact["phone"] in error.value.message
        assert "remove that contact" in (error.value.fix or "")
        assert store.contexts(0, 300) == [], "a batch is stored as a whole or not at all"
    finally:
        with psycopg.connect(url) as connection:
            connection.execute("delete from contacts where seed_index is null")


def test_somebody_elses_message_with_a_seeded_id_is_named(store: PostgresStore, url: str) -> None:
    write(store, CONTEXTS)
    message = next(m for c in CONTEXTS for m in c["messages"] if m["kapso_message_id"])
    with psycopg.connect(url) as connection:
        connection.execute("update messages set id = %s where id = %s", (row_id(1), message["id"]))

    with pytest.raises(BackendError, match="a row that is there already stands in the way"):
        write(store, CONTEXTS)


def must_not_wait(_: float) -> None:
    pytest.fail("it waits")


def test_a_wrong_password_is_refused_at_once(url: str) -> None:
    with a_store(url.replace(PASSWORD, "wr0ng")) as store:
        store._retry.sleep = must_not_wait
        with pytest.raises(BackendError, match=r"refused the connection: .*password") as error:
            store.read_manifest()
    assert error.value.fix == "correct SUPABASE_DB_URL: its user or its password is wrong"
    assert "wr0ng" not in error.value.message


def test_an_encryption_that_is_asked_for_is_insisted_on(url: str) -> None:
    """The tests' PostgreSQL has no certificate."""
    with (
        a_store(f"{url}?sslmode=require") as store,
        pytest.raises(BackendError, match=r"refused the connection: .* SSL was required"),
    ):
        store.read_manifest()


def test_a_database_that_is_not_there_is_named(cluster: Cluster) -> None:
    with a_store(cluster.url("absent")) as store, pytest.raises(BackendError, match='"absent"'):
        store.read_manifest()


def test_an_address_without_a_server_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with a_store(f"postgresql://u:s3cret@127.0.0.1:{port}/db") as store:
        store._retry.sleep = must_not_wait
        with pytest.raises(BackendError, match=f"127.0.0.1:{port} is unreachable") as error:
            store.read_manifest()
    assert error.value.fix == "start it, or correct SUPABASE_DB_URL"
    assert "s3cret" not in error.value.message


def test_a_database_without_the_migrations_is_named(cluster: Cluster) -> None:
    with (
        a_store(cluster.create_database()) as store,
        pytest.raises(BackendError, match="lacks a table or function") as error,
    ):
        store.read_manifest()
    assert "apply the migrations" in (error.value.fix or "")


def test_a_database_that_has_become_read_only_is_named(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        role = make_role(connection, "superuser")
        connection.execute(f"alter role {role} set default_transaction_read_only = on".encode())
    with (
        a_store(as_role(url, role)) as store,
        pytest.raises(BackendError, match="takes no more rows") as error,
    ):
        store.write_workspaces(WORKSPACES)
    assert "more disk" in (error.value.fix or "")


@pytest.mark.parametrize("unreadable", ["postgresql://u:s3%zzcret@h/d", "postgresql://h/d?pass=s3"])
def test_an_address_that_libpq_cannot_read_is_not_repeated(unreadable: str) -> None:
    with pytest.raises(ConfigError, match="SUPABASE_DB_URL") as error:
        PostgresStore(unreadable)
    assert "s3" not in f"{error.value.message} {error.value.fix}"


@pytest.mark.parametrize(
    "parameters",
    ["pgbouncer=true&connection_limit=1", "schema=public&sslmode=disable&pool_timeout=10"],
)
def test_what_an_orm_adds_to_an_address_is_left_out(url: str, parameters: str) -> None:
    with a_store(f"{url}?{parameters}") as store:
        assert store.read_manifest() is None


def test_a_parameter_that_libpq_does_not_know_is_named() -> None:
    with pytest.raises(ConfigError, match=r"knows no parameter ssl, schema$") as error:
        PostgresStore("postgresql://u:p@h/d?ssl=s3cret&schema=s3cret")
    assert "s3cret" not in f"{error.value.message} {error.value.fix}"
    with pytest.raises(ConfigError, match="cannot read it"):
        PostgresStore("postgresql://u:p@h/d?connect_timeout=s3cret")


def test_what_is_locked_for_too_long_is_said_with_what_to_do(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    preamble = postgres_connections.PREAMBLE.replace("60s", "50ms")
    monkeypatch.setattr(postgres, "PREAMBLE", preamble)
    with psycopg.connect(url) as holder, a_store(url) as store:
        holder.execute("lock table public.contacts in access exclusive mode")
        with pytest.raises(TooMuch, match="57014: canceling statement due to statement") as error:
            store.contact_digests(0, 4)
    assert "pg_stat_activity" in (error.value.fix or "")


def test_a_copy_that_takes_too_long_is_halved(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = cluster.create_migrated_database()
    with psycopg.connect(url, autocommit=True) as connection, a_store(url) as store:
        connection.execute(
            "create function slow() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(0.005); return new; end $$;"
            "create trigger slow before insert on public.contacts for each row"
            " execute function slow()"
        )
        monkeypatch.setattr(
            postgres, "PREAMBLE", postgres_connections.PREAMBLE.replace("60s", "500ms")
        )
        monkeypatch.setattr(seeding, "open_stores", lambda _: contextlib.nullcontext([store]))
        seeding.seed(Config(dataset=DatasetConfig(seed=42, contacts=300)))
        assert store.contexts(0, 300) == CONTEXTS
        (commits,) = (
            connection.execute("select count(distinct xmin::text) from contacts").fetchone() or ()
        )
        assert commits >= 4


# --- who may


def make_role(connection: psycopg.Connection[Any], options: str = "") -> str:
    role = f"role_{uuid.uuid4().hex}"
    connection.execute(f"create role {role} login {options} password '{PASSWORD}'".encode())
    return role


def as_role(url: str, role: str) -> str:
    return url.replace("//postgres:", f"//{role}:", 1)


def test_a_role_that_owns_the_tables_and_is_no_superuser_can_seed(cluster: Cluster) -> None:
    """As Supabase's role `postgres` is; `url` has seen to it that the other roles are there."""
    cluster.create_migrated_database()
    url = cluster.create_database()
    with psycopg.connect(url, autocommit=True) as connection:
        owner = make_role(connection, "createrole")
        connection.execute(
            f"grant anon, authenticated, service_role to {owner};"
            f"grant tenant_reader, tenant_writer to {owner} with admin option;"
            f"alter database {url.rpartition('/')[2]} owner to {owner}".encode()
        )
    url = as_role(url, owner)
    apply_migrations(url)

    with a_store(url) as store:
        store.write_workspaces(WORKSPACES)
        store.write_manifest(MANIFEST)
        for _ in ("first", "again"):
            write(store, CONTEXTS)
        assert store.contexts(0, 300) == CONTEXTS
        assert len(store.range_digests(0, 300)) == 3
        assert store.read_manifest() == MANIFEST
        store.write_manifest({**MANIFEST, "state": "complete"})
        assert store.delete_contexts(0, 300) == 300


@pytest.mark.parametrize(
    ("options", "grant", "words"),
    [
        ("bypassrls", "", "permission denied for table seed_manifest"),
        # Without an error it would see no row at all.
        ("", "grant service_role to {}", "row-level security policy"),
    ],
)
def test_a_role_that_may_not_is_named(url: str, options: str, grant: str, words: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        role = make_role(connection, options)
        connection.execute(grant.format(role).encode())
    with (
        a_store(as_role(url, role)) as store,
        pytest.raises(BackendError, match=words) as error,
    ):
        store.read_manifest()
    assert "use the role that applied the migrations" in (error.value.fix or "")


def test_a_role_that_bypasses_row_level_security_can_seed(store: PostgresStore, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        role = make_role(connection, "bypassrls")
        connection.execute(f"grant service_role to {role}".encode())
    with a_store(as_role(url, role)) as own:
        for _ in ("first", "again"):
            write(own, CONTEXTS)
        assert own.contexts(0, 300) == CONTEXTS


def test_the_database_is_written_to_directly_when_its_address_is_known(url: str) -> None:
    config = Config().with_environment(
        {"SUPABASE_DB_URL": url, "CONVEX_URL": "http://127.0.0.1:1", "SEED_SECRET": "x"}
    )
    with open_stores(config) as stores:
        assert {store.name: type(store) for store in stores}["Supabase"] is PostgresStore
