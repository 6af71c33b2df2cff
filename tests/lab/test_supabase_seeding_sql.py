"""The SQL that seeding and verification stand on, compared with Python's own computation."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import contact_digest, range_digest, ranges
from seeding.stores.postgres import PostgresStore
from tests.lab.supabase_rows import insert_contexts, insert_dataset, insert_workspaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.dataset.model import Context
    from tests.lab.postgres_fixture import Cluster

    Connection = psycopg.Connection[Any]

DATASET = Dataset(seed=42, contacts=300)


@pytest.fixture(scope="module")
def seeded(cluster: Cluster) -> str:
    url = cluster.create_migrated_database()
    with psycopg.connect(url) as connection:
        insert_dataset(connection, DATASET)
    return url


@pytest.fixture
def connection(seeded: str) -> Iterator[Connection]:
    """Yield a connection with the service key's rights, in a transaction that is rolled back."""
    with psycopg.connect(seeded) as connection:
        connection.execute("set local role service_role")
        # Neither may show in a digest.
        connection.execute("set local timezone = 'Asia/Jakarta'")
        connection.execute("set local intervalstyle = 'iso_8601'")
        yield connection
        connection.rollback()


def call(connection: Connection, function: str, start: int, stop: int) -> Any:
    row = connection.execute(
        f"select dragstrip_{function}(%s, %s)".encode(), (start, stop)
    ).fetchone()
    assert row is not None
    return row[0]


def pairs(start: int, stop: int) -> list[tuple[int, str]]:
    return [(index, contact_digest(DATASET.context(index))) for index in range(start, stop)]


def test_contact_digests(connection: Connection) -> None:
    found = call(connection, "contact_digests", 0, 1_000)

    assert [(row["index"], row["digest"]) for row in found] == pairs(0, 300)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 300), (0, 1_000), (128, 256), (256, 384), (100, 290)]
)
def test_range_digests(connection: Connection, start: int, stop: int) -> None:
    found = call(connection, "range_digests", start, stop)

    assert found == [
        {
            "start": first // 128 * 128,
            "contacts": end - first,
            "digest": range_digest(pairs(first, end)),
        }
        for first, end in ranges(start, min(stop, 300))
    ]


def test_nothing_is_in_a_range_without_contacts(connection: Connection) -> None:
    for function in ("contact_digests", "range_digests", "read_contexts"):
        assert call(connection, function, 300, 600) == []


def test_contexts_are_read_as_they_were_made(connection: Connection) -> None:
    found = call(connection, "read_contexts", 7, 290)

    assert found == [DATASET.context(index) for index in range(7, 290)]


@pytest.mark.parametrize(
    ("start", "found"), [(0, 0), (7, 7), (299, 299), (300, 10**12), (10**12 + 1, None)]
)
def test_the_next_seeded_index_is_found_wherever_it_is(
    connection: Connection, start: int, found: int | None
) -> None:
    connection.execute("reset role")
    insert_contexts(connection, [awkward_context()])
    connection.execute("set local role service_role")

    assert connection.execute("select dragstrip_next_index(%s)", (start,)).fetchone() == (found,)


def test_workspaces_are_read_as_they_were_made_in_the_order_asked_for(
    connection: Connection,
) -> None:
    first, second, *_ = DATASET.workspaces()

    row = connection.execute(
        "select dragstrip_read_workspaces(%s::uuid[])",
        ([second["id"], row_id(96), first["id"]],),
    ).fetchone()

    assert row == ([second, first],)
    assert connection.execute("select dragstrip_read_workspaces('{}')").fetchone() == ([],)


def test_any_text_has_the_same_digest_on_both_sides(connection: Connection) -> None:
    context = awkward_context()
    connection.execute("reset role")
    insert_contexts(connection, [context])
    connection.execute("set local role service_role")

    assert call(connection, "read_contexts", 10**12, 10**12 + 1) == [context]
    assert call(connection, "contact_digests", 10**12, 10**12 + 1) == [
        {"index": 10**12, "digest": contact_digest(context)}
    ]


AWKWARD = ["", " ", "\x1e", "\x1f", "NULL", "{a,b}", '"', "\\", "👩\u200d🔬", "é", "e\u0301", "\n"]


def awkward_context() -> Context:
    """Return a contact whose fields look like separators, nulls, literals and escapes."""
    contact = DATASET.context(0)["contact"]
    contact |= {"id": row_id(99), "phone": "1", "name": "\x1e\x1f", "kapso_name": None}
    contact |= {"email": "", "tags": AWKWARD}
    contact |= {"first_contact_date": -1, "created_at": 4_102_444_800_001}
    return {
        "index": 10**12,
        "contact": contact,
        "conversation": {
            "id": row_id(98),
            "status": "pending",
            "unread_count": 0,
            "last_message_at": None,
            "last_message_preview": None,
            "created_at": 0,
        },
        # Of one instant, so that the id decides.
        "messages": [
            {
                "id": row_id(n),
                "direction": "outbound",
                "sender_type": "bot",
                "content": text,
                "message_type": "text",
                "kapso_message_id": None,
                "created_at": 5,
            }
            for n, text in enumerate(AWKWARD)
        ],
        "notes": [
            {"id": row_id(n), "author_id": None, "content": text, "created_at": 5}
            for n, text in enumerate(AWKWARD)
        ],
    }


def row_id(n: int) -> str:
    return f"{n:08x}-0000-4000-8000-000000000000"


CHANGES = {
    "a note's text": ("contact_notes", "set content = content || '.'"),
    "a note's author": ("contact_notes", "set author_id = gen_random_uuid()"),
    "a note's time": ("contact_notes", "set created_at = created_at + interval '1 ms'"),
    "a note gone": ("contact_notes", None),
    "a message's text": ("messages", "set content = content || '.'"),
    "a message gone": ("messages", None),
    "a conversation's preview": ("conversations", "set last_message_preview = null"),
    "a conversation gone": ("conversations", None),
    "a tag more": ("contacts", "set tags = tags || '{x}'"),
    "a score": ("contacts", "set lead_score = (lead_score + 1) % 100"),
    "an email": ("contacts", "set email = coalesce(email, '') || '.'"),
}


@pytest.mark.parametrize(("table", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_one_row_changes_one_contacts_digest(
    connection: Connection, table: str, change: str | None
) -> None:
    context = next(filter(is_complete, map(DATASET.context, range(300))))
    assert context["conversation"] is not None
    row = {
        "contacts": context["contact"],
        "conversations": context["conversation"],
        "messages": context["messages"][0],
        "contact_notes": context["notes"][0],
    }[table]
    statement = f"update {table} {change}" if change else f"delete from {table}"
    done = connection.execute(f"{statement} where id = '{row['id']}'".encode())
    assert done.rowcount == 1

    found = call(connection, "contact_digests", 0, 300)

    differing = [
        row["index"]
        for row, (_, digest) in zip(found, pairs(0, 300), strict=True)
        if row["digest"] != digest
    ]
    assert differing == [context["index"]]


def is_complete(context: Context) -> bool:
    return bool(context["notes"] and context["messages"])


def test_only_seeded_contacts_of_the_range_are_deleted(connection: Connection) -> None:
    workspace = DATASET.workspaces()[0]["id"]
    connection.execute(
        "insert into contacts (workspace_id, phone, first_contact_date) values (%s, '1', now())",
        (workspace,),
    )

    assert call(connection, "delete_contexts", 10, 200) == 190
    assert call(connection, "delete_contexts", 10, 200) == 0

    left = call(connection, "read_contexts", 0, 1_000)
    assert left == [DATASET.context(index) for index in (*range(10), *range(200, 300))]
    for table, kept in (
        ("conversations", sum(1 for context in left if context["conversation"])),
        ("messages", sum(len(context["messages"]) for context in left)),
        ("contact_notes", sum(len(context["notes"]) for context in left)),
        ("contacts", len(left) + 1),
    ):
        assert connection.execute(f"select count(*) from {table}".encode()).fetchone() == (kept,)


def test_a_workspace_is_deleted_only_when_no_contact_is_left_in_it(connection: Connection) -> None:
    ids = [workspace["id"] for workspace in DATASET.workspaces()]
    used = {DATASET.workspace_id(index) for index in range(300)}
    delete = "select dragstrip_delete_workspaces(%s::uuid[])"

    assert connection.execute(delete, (ids,)).fetchone() == (len(set(ids) - used),)
    call(connection, "delete_contexts", 0, 300)
    assert connection.execute(delete, (ids,)).fetchone() == (len(used),)

    assert connection.execute("select count(*) from workspace_members").fetchone() == (0,)


def test_other_workspaces_stay(connection: Connection) -> None:
    connection.execute("reset role")
    insert_workspaces(
        connection,
        [
            {
                "id": row_id(97),
                "name": "Other",
                "slug": "other",
                "kapso_phone_id": "1",
                "created_at": 0,
                "members": [],
            }
        ],
    )
    connection.execute("set local role service_role")
    call(connection, "delete_contexts", 0, 300)

    ids = [workspace["id"] for workspace in DATASET.workspaces()]
    connection.execute("select dragstrip_delete_workspaces(%s::uuid[])", (ids,))

    assert connection.execute("select slug from workspaces").fetchall() == [("other",)]


RANGE_CALLS = {
    "contact_digests": "select dragstrip_contact_digests(10, 20)",
    "range_digests": "select dragstrip_range_digests(10, 20)",
    "read_contexts": "select dragstrip_read_contexts(10, 20)",
    "next_index": "select dragstrip_next_index(10)",
}


@pytest.mark.parametrize("query", RANGE_CALLS.values(), ids=RANGE_CALLS)
def test_a_range_is_found_by_the_index_on_seed_index(connection: Connection, query: str) -> None:
    # The table is small here; the question is whether the index can serve at all.
    plans = explained(connection, f"set local enable_seqscan = off; {query}")

    assert "contacts_seed_index_key" in plans
    assert "Seq Scan" not in plans


def test_the_digests_of_a_page_read_no_table_as_a_whole(cluster: Cluster) -> None:
    url = cluster.create_migrated_database()
    dataset = Dataset(seed=42, contacts=8 * PostgresStore.page)
    with contextlib.closing(PostgresStore(url)) as store:
        store.write_workspaces(dataset.workspaces())
        store.write(store.encode(map(dataset.context, range(dataset.contacts))))
    start, stop = 4 * PostgresStore.page, 5 * PostgresStore.page
    # Without statistics, as while seeding, and with them.
    for before in ("", "select dragstrip_analyze();"):
        with psycopg.connect(url) as connection:
            plans = explained(
                connection, f"{before} select dragstrip_range_digests({start}, {stop})"
            )

        assert "contacts_seed_index_key" in plans
        for table in ("conversations", "messages", "contact_notes", "contacts"):
            assert f"Seq Scan on {table}" not in plans


def explained(connection: Connection, query: str) -> str:
    """Run the query and return the plans of all statements in it, those in functions too."""
    logged: list[str] = []
    connection.add_notice_handler(
        lambda diagnostic: logged.append(diagnostic.message_primary or "")
    )
    connection.execute("reset role")
    connection.execute(
        """
        load 'auto_explain';
        set local auto_explain.log_min_duration = 0;
        set local auto_explain.log_nested_statements = on;
        set local client_min_messages = log;
        """
    )
    connection.execute(query.encode())
    return "\n".join(logged)


def test_a_seeder_without_rights_of_its_own_brings_statistics_up_to_date(
    connection: Connection,
) -> None:
    connection.execute("select dragstrip_analyze()")

    counts = "select reltuples from pg_class where oid = %s::regclass"
    assert connection.execute(counts, ("public.contacts",)).fetchone() == (300,)
    messages = sum(len(DATASET.context(index)["messages"]) for index in range(300))
    assert connection.execute(counts, ("public.messages",)).fetchone() == (messages,)
