"""The webhook's SQL: one message is stored once, however its deliveries race."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.postgres_fixture import Cluster

    Connection = psycopg.Connection[Any]

A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
PHONE = "6281234567890"
NOON_MS = 1_730_092_800_000
DEADLINE_S = 30


@pytest.fixture
def url(cluster: Cluster) -> str:
    url = cluster.create_migrated_database()
    with psycopg.connect(url) as connection:
        connection.execute(
            """
            insert into workspaces (id, name, slug, kapso_phone_id)
            values (%s, 'A', 'a', '100'), (%s, 'B', 'b', '200')
            """,
            (A, B),
        )
    return url


@contextmanager
def as_service(url: str) -> Iterator[Connection]:
    """Yield a connection with the rights of the REST API's service key."""
    with psycopg.connect(url) as connection:
        connection.execute("set role service_role")
        connection.commit()
        yield connection


def deliver(connection: Connection, **changes: object) -> str:
    """Ingest one message; the caller ends the transaction."""
    message = {
        "kapso_phone_id": "100",
        "phone": PHONE,
        "contact_name": "Siti",
        "message_id": "wamid.1",
        "direction": "inbound",
        "message_type": "text",
        "content": "Hello",
        "sent_at_ms": NOON_MS,
    } | changes
    arguments = ", ".join(f"p_{name} => %({name})s" for name in message)
    row = connection.execute(
        f"select ingest_kapso_message({arguments})".encode(), message
    ).fetchone()
    assert row is not None
    return str(row[0])


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def counts(url: str) -> tuple[int, int, int]:
    """Return the numbers of contacts, conversations and messages."""
    tables = ("contacts", "conversations", "messages")
    return tuple(rows(url, f"select count(*) from {table}")[0][0] for table in tables)


def conversation(url: str) -> tuple[Any, ...]:
    """Return (unread, last message's time in ms, preview) of the only conversation."""
    found = rows(
        url,
        """
        select unread_count, private.epoch_ms(last_message_at), last_message_preview
        from conversations
        """,
    )
    assert len(found) == 1
    return found[0]


def test_a_new_number_becomes_a_contact_with_a_conversation(url: str) -> None:
    with as_service(url) as connection:
        assert deliver(connection) == "stored"

    assert rows(
        url,
        """
        select contact.workspace_id::text, phone, name, kapso_name, lead_status, lead_score, tags,
               seed_index, private.epoch_ms(first_contact_date), status, direction, sender_type,
               content, message_type, kapso_message_id, private.epoch_ms(message.created_at)
        from contacts contact
        join conversations conversation on conversation.contact_id = contact.id
        join messages message on message.conversation_id = conversation.id
        """,
    ) == [
        (
            *(A, PHONE, None, "Siti", "new", 0, [], None, NOON_MS, "open"),
            *("inbound", "contact", "Hello", "text", "wamid.1", NOON_MS),
        )
    ]
    assert conversation(url) == (1, NOON_MS, "Hello")


def test_what_the_webhook_makes_has_whole_milliseconds(url: str) -> None:
    with as_service(url) as connection:
        deliver(connection)

    assert rows(
        url,
        """
        select extract(microseconds from created_at)::bigint % 1000
        from (select created_at from contacts union all select created_at from conversations) made
        """,
    ) == [(0,), (0,)]


def test_a_second_delivery_changes_nothing(url: str) -> None:
    with as_service(url) as connection:
        deliver(connection)
        connection.commit()
        assert deliver(connection, content="changed", phone="628999") == "duplicate"

    assert counts(url) == (1, 1, 1)
    assert conversation(url) == (1, NOON_MS, "Hello")


def test_the_conversation_moves_forward_only(url: str) -> None:
    with as_service(url) as connection:
        deliver(connection, message_id="noon", content="noon")
        late = {"message_id": "before", "content": "before", "sent_at_ms": NOON_MS - 1000}
        assert deliver(connection, **late) == "stored"
    assert conversation(url) == (2, NOON_MS, "noon")

    with as_service(url) as connection:
        deliver(connection, message_id="after", content="after", sent_at_ms=NOON_MS + 1000)
    assert conversation(url) == (3, NOON_MS + 1000, "after")


def test_an_outbound_message_is_the_agents_and_is_not_unread(url: str) -> None:
    with as_service(url) as connection:
        deliver(connection, direction="outbound")

    assert rows(url, "select direction, sender_type from messages") == [("outbound", "agent")]
    assert conversation(url) == (0, NOON_MS, "Hello")


def test_the_preview_is_cut_between_characters(url: str) -> None:
    with as_service(url) as connection:
        deliver(connection, content="👋" * 101)

    assert conversation(url)[2] == "👋" * 100


def test_an_unknown_gateway_stores_nothing(url: str) -> None:
    with as_service(url) as connection:
        assert deliver(connection, kapso_phone_id="300") == "unknown_phone_number_id"

    assert counts(url) == (0, 0, 0)


def test_one_phone_in_two_workspaces_is_two_contacts(url: str) -> None:
    with as_service(url) as connection:
        assert deliver(connection) == "stored"
        # In one transaction, so that the first call's tenant is still set when the second begins.
        assert deliver(connection, kapso_phone_id="200", message_id="wamid.2") == "stored"

    assert rows(url, "select workspace_id::text from contacts order by 1") == [(A,), (B,)]


def test_simultaneous_deliveries_of_one_message_store_it_once(url: str) -> None:
    outcomes = simultaneously(url, [{}] * 8)

    assert sorted(outcomes) == ["duplicate"] * 7 + ["stored"]
    assert counts(url) == (1, 1, 1)
    assert conversation(url) == (1, NOON_MS, "Hello")


def test_simultaneous_messages_from_a_new_number_all_find_one_contact(url: str) -> None:
    messages = [
        {"message_id": f"wamid.{n}", "content": str(n), "sent_at_ms": NOON_MS + n} for n in range(8)
    ]

    assert simultaneously(url, messages) == ["stored"] * 8
    assert counts(url) == (1, 1, 8)
    assert conversation(url) == (8, NOON_MS + 7, "7")


def simultaneously(url: str, messages: list[dict[str, Any]]) -> list[str]:
    barrier = threading.Barrier(len(messages), timeout=DEADLINE_S)

    def one(changes: dict[str, Any]) -> str:
        with as_service(url) as connection:
            barrier.wait()
            return deliver(connection, **changes)

    with ThreadPoolExecutor(len(messages)) as pool:
        return list(pool.map(one, messages))


@pytest.mark.parametrize(
    ("first_ends_with", "second"), [("commit", "duplicate"), ("rollback", "stored")]
)
def test_a_delivery_waits_for_one_under_way(url: str, first_ends_with: str, second: str) -> None:
    with as_service(url) as first, ThreadPoolExecutor(1) as pool:
        assert deliver(first) == "stored"
        waiting: Future[str] = pool.submit(deliver_alone, url)
        wait_until_blocked(url, waiting)
        getattr(first, first_ends_with)()
        assert waiting.result(DEADLINE_S) == second

    assert counts(url) == (1, 1, 1)
    assert conversation(url) == (1, NOON_MS, "Hello")


def deliver_alone(url: str) -> str:
    with as_service(url) as connection:
        return deliver(connection)


def wait_until_blocked(url: str, waiting: Future[str]) -> None:
    """Return once a connection of this database waits for another's transaction."""
    blocked = """
      select count(*) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'
    """
    while rows(url, blocked) != [(1,)]:
        assert not waiting.done(), waiting.result()


def test_the_writer_cannot_touch_another_tenants_rows(url: str) -> None:
    with as_service(url) as connection:
        deliver(connection)
        deliver(connection, kapso_phone_id="200", message_id="wamid.2")
    with psycopg.connect(url) as connection:
        connection.execute("set local role tenant_writer")
        connection.execute("select set_config('app.workspace_id', %s, true)", (A,))

        changed = connection.execute(
            "update conversations set unread_count = 9 returning workspace_id::text"
        )
        assert changed.fetchall() == [(A,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(
                """
                insert into contacts (workspace_id, phone, first_contact_date)
                values (%s, '1', now())
                """,
                (B,),
            )
