"""The lookup's SQL: an index for each step, one tenant at a time, the dataset's answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest

from seeding.dataset.dataset import Dataset
from tests.lab.supabase_rows import insert_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.postgres_fixture import Cluster

    Connection = psycopg.Connection[Any]

A = "11111111-1111-4111-8111-111111111111"
B = "22222222-2222-4222-8222-222222222222"
CONTACTS = 5_000
CALLS = 8  # PostgreSQL plans the first five for their parameters, then may settle for one plan.
LONG = 2_000  # Messages in the one conversation that is far longer than the others.

# Which index serves each table that the lookup reads, and how many rows it may take from it.
INDEXES = {
    "contacts": "contacts_workspace_id_phone_key",
    "conversations": "conversations_contact_id_key",
    "messages": "messages_conversation_id_created_at_idx",
    "contact_notes": "contact_notes_contact_id_created_at_idx",
}
MOST_ROWS = {"contacts": 1, "conversations": 1, "messages": 10, "contact_notes": 5}


@pytest.fixture(scope="module")
def filled(cluster: Cluster) -> str:
    """Return the URL of a database with the same phone numbers in two workspaces."""
    url = cluster.create_migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        # Client-side parameters: the server takes several statements only without any.
        psycopg.ClientCursor(connection).execute(
            _FILL, {"a": A, "b": B, "last": CONTACTS - 1, "long": LONG}
        )
        connection.execute("vacuum analyze")
    return url


@pytest.fixture
def connection(filled: str) -> Iterator[Connection]:
    """Yield a connection in a transaction that is rolled back."""
    with psycopg.connect(filled) as connection:
        yield connection
        connection.rollback()


_FILL: LiteralString = """
  insert into workspaces (id, name, slug, kapso_phone_id)
  values (%(a)s, 'A', 'a', '100'), (%(b)s, 'B', 'b', '200');

  insert into contacts (workspace_id, phone, name, first_contact_date)
  select workspace.id, (628000000000 + n)::text, workspace.name || n, now()
  from workspaces workspace, generate_series(0, %(last)s) n;

  insert into conversations (workspace_id, contact_id, last_message_at)
  select workspace_id, id, now() from contacts;

  insert into messages (workspace_id, conversation_id, direction, sender_type, content, created_at)
  select workspace_id, id, 'inbound', 'contact', 'message ' || n, now() + n * interval '1 second'
  from conversations, generate_series(1, 12) n;

  insert into contact_notes (workspace_id, contact_id, content, created_at)
  select workspace_id, id, name || ' note ' || n, now() + n * interval '1 second'
  from contacts, generate_series(1, 6) n;

  insert into messages (workspace_id, conversation_id, direction, sender_type, content, created_at)
  select conversation.workspace_id, conversation.id, 'inbound', 'contact', 'old ' || n,
         now() - n * interval '1 minute'
  from generate_series(1, %(long)s) n,
       conversations conversation join contacts contact on contact.id = conversation.contact_id
  where contact.phone = '628000000000';
"""


def lookup(connection: Connection, workspace_id: str | None, phone: str) -> dict[str, Any]:
    row = connection.execute(
        "select get_contact_context_by_phone(%s::uuid, %s)", (workspace_id, phone)
    ).fetchone()
    assert row is not None
    return dict(row[0])


def one(connection: Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


# --- plans


def plans_of_lookups(connection: Connection) -> list[dict[str, Any]]:
    """Return the plans of the statements that the function really ran, as the server logs them."""
    logged: list[str] = []

    def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
        logged.append(diagnostic.message_primary or "")

    connection.add_notice_handler(keep)
    connection.execute(
        """
        load 'auto_explain';
        set local auto_explain.log_min_duration = 0;
        set local auto_explain.log_nested_statements = on;
        set local auto_explain.log_analyze = on;
        set local auto_explain.log_timing = off;
        set local auto_explain.log_format = json;
        set local client_min_messages = log;
        """
    )
    for n in range(CALLS):
        assert lookup(connection, A, str(628000000000 + n * 500))["found"]
    connection.execute("set local client_min_messages = warning")
    connection.remove_notice_handler(keep)
    return [json.loads(text[text.index("{") :])["Plan"] for text in logged if "plan:" in text]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def accesses(plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the nodes that read a table."""
    return [node for plan in plans for node in nodes(plan) if "Relation Name" in node]


def faults(plans: list[dict[str, Any]]) -> set[str]:
    """Return the tables that are read in another way than by index and only as far as needed."""
    return {
        node["Relation Name"]
        for node in accesses(plans)
        if node["Node Type"] not in {"Index Scan", "Index Only Scan"}
        or node["Index Name"] != INDEXES[node["Relation Name"]]
        or "Index Cond" not in node
        or rows_read(node) > MOST_ROWS[node["Relation Name"]]
    }


def rows_read(node: dict[str, Any]) -> float:
    per_loop = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return float(per_loop * node["Actual Loops"])


def test_every_statement_of_the_lookup_reads_by_index_alone(connection: Connection) -> None:
    plans = plans_of_lookups(connection)

    tables = sorted(node["Relation Name"] for node in accesses(plans))
    assert tables == sorted(list(INDEXES) * CALLS), "one access to each table per lookup"
    assert faults(plans) == set()
    assert any(rows_read(node) == MOST_ROWS["messages"] for node in accesses(plans))


@pytest.mark.parametrize("table", INDEXES)
def test_the_check_of_the_plans_notices_a_missing_index(connection: Connection, table: str) -> None:
    drop: dict[str, LiteralString] = {
        "contacts": "alter table contacts drop constraint contacts_workspace_id_phone_key",
        "conversations": "alter table conversations drop constraint conversations_contact_id_key",
        "messages": "drop index messages_conversation_id_created_at_idx",
        "contact_notes": "drop index contact_notes_contact_id_created_at_idx",
    }
    connection.execute(drop[table])

    assert faults(plans_of_lookups(connection)) == {table}


# --- tenants


def forgetful_lookup(connection: Connection, clause: str) -> None:
    """Take `clause` out of the function; all else, its owner included, stays."""
    definition = one(
        connection,
        "select pg_get_functiondef('get_contact_context_by_phone(uuid, text)'::regprocedure)",
    )
    assert definition.count(clause) == 1, definition
    connection.execute(definition.replace(clause, "").encode())


def insert_contact(connection: Connection, workspace_id: str, phone: str) -> None:
    connection.execute(
        "insert into contacts (workspace_id, phone, first_contact_date) values (%s, %s, now())",
        (workspace_id, phone),
    )


WORKSPACE_FILTER = "contact.workspace_id = p_workspace_id\n    and "
SETTING = "perform set_config('app.workspace_id', coalesce(p_workspace_id::text, ''), true);"


def test_a_lookup_that_forgot_its_workspace_filter_still_sees_one_tenant(
    connection: Connection,
) -> None:
    forgetful_lookup(connection, WORKSPACE_FILTER)
    only_in_b = "62899"
    insert_contact(connection, B, only_in_b)

    for workspace_id, name in ((A, "A7"), (B, "B7")):
        answer = lookup(connection, workspace_id, "628000000007")
        assert answer["contact"]["name"] == name
        assert answer["notes"] == [f"{name} note {n}" for n in (6, 5, 4, 3, 2)]
    assert not lookup(connection, A, only_in_b)["found"]
    assert lookup(connection, B, only_in_b)["found"]
    assert not lookup(connection, None, only_in_b)["found"]


def test_it_is_row_level_security_that_holds_the_forgetful_lookup_back(
    connection: Connection,
) -> None:
    forgetful_lookup(connection, WORKSPACE_FILTER)
    insert_contact(connection, B, "62899")
    connection.execute("alter table contacts disable row level security")

    assert lookup(connection, A, "62899")["found"], "without it the forgetful lookup leaks"


def test_a_lookup_that_forgot_to_name_its_tenant_sees_nothing(connection: Connection) -> None:
    forgetful_lookup(connection, SETTING)

    assert not lookup(connection, A, "628000000007")["found"]


@pytest.mark.parametrize(
    ("function", "role"),
    [
        ("get_contact_context_by_phone", "tenant_reader"),
        ("ingest_kapso_message", "tenant_writer"),
    ],
)
def test_the_hot_functions_run_as_a_role_that_row_level_security_binds(
    connection: Connection, function: str, role: str
) -> None:
    owner = connection.execute(
        """
        select owner.rolname, procedure.prosecdef, owner.rolsuper, owner.rolbypassrls,
               owner.rolcanlogin,
               (select count(*) from pg_class where relowner = owner.oid),
               has_schema_privilege(owner.oid, 'public', 'create')
        from pg_proc procedure join pg_roles owner on owner.oid = procedure.proowner
        where procedure.proname = %s
        """,
        (function,),
    ).fetchall()

    assert owner == [(role, True, False, False, False, 0, False)]


def test_row_level_security_is_on_for_every_table(connection: Connection) -> None:
    tables = dict(
        connection.execute(
            """
            select relname, relrowsecurity from pg_class
            where relnamespace = 'public'::regnamespace and relkind = 'r'
            """
        ).fetchall()
    )

    assert tables == dict.fromkeys(
        [*INDEXES, "workspaces", "workspace_members", "seed_manifest"], True
    )


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize("table", [*INDEXES, "workspaces", "workspace_members", "seed_manifest"])
def test_others_see_no_row_even_with_every_privilege(
    connection: Connection, role: str, table: str
) -> None:
    # Hosted Supabase and Supabase Lite grant these roles all privileges on all tables.
    connection.execute(f"grant all on {table} to {role}".encode())
    connection.execute(f"set local role {role}".encode())

    assert connection.execute(f"select * from {table}".encode()).fetchall() == []


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_others_may_call_none_of_the_functions(connection: Connection, role: str) -> None:
    callable_by_role = connection.execute(
        """
        select proname from pg_proc
        where pronamespace in ('public'::regnamespace, 'private'::regnamespace)
          and has_function_privilege(%s, oid, 'execute')
        """,
        (role,),
    ).fetchall()

    assert callable_by_role == []


def test_a_child_cannot_be_filed_under_another_tenant_than_its_parent(
    connection: Connection,
) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(
            """
            insert into contact_notes (workspace_id, contact_id, content)
            select %s, id, 'of the other tenant' from contacts where workspace_id = %s limit 1
            """,
            (B, A),
        )


# --- answers


def test_the_answers_are_those_of_the_dataset(cluster: Cluster) -> None:
    dataset = Dataset(seed=7, contacts=300)
    with psycopg.connect(cluster.create_migrated_database()) as connection:
        insert_dataset(connection, dataset)
        connection.execute("set local role service_role")
        connection.execute("set local timezone = 'Asia/Jakarta'")
        for index in range(dataset.contacts + 5):
            workspace_id, phone = dataset.workspace_id(index), dataset.phone(index)
            assert lookup(connection, workspace_id, phone) == dataset.answer(index)


def test_the_phone_may_be_written_in_any_way(connection: Connection) -> None:
    assert lookup(connection, A, "+62 (800) 000 / 0007")["contact"]["name"] == "A7"
    assert not lookup(connection, A, "")["found"]
    assert not lookup(connection, A, "none")["found"]


def test_a_read_only_transaction_is_enough(connection: Connection) -> None:
    # PostgREST opens one for a function that is declared stable.
    connection.execute("set transaction read only")

    assert lookup(connection, A, "628000000007")["found"]


def test_times_are_exact_to_the_millisecond(connection: Connection) -> None:
    wrong = one(
        connection,
        """
        select count(*)
        from generate_series(-9000000000007, 9000000000000, 9000000011) ms
        where private.epoch_ms(private.from_epoch_ms(ms)) <> ms
           or private.from_epoch_ms(ms)
              <> timestamptz 'epoch' + make_interval(secs => ms / 1000)
                 + (ms % 1000) * interval '1 millisecond'
        """,
    )

    assert wrong == 0
    assert one(connection, "select private.epoch_ms('2025-01-01 07:00:00.123+07')") == 1735689600123
    assert one(connection, "select private.epoch_ms('1969-12-31 23:59:59.999Z')") == -1
