"""Supabase's database itself, over direct connections: rows by COPY, all else by SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.types.json import Jsonb

from seeding.dataset.digest import RANGE
from seeding.stores import postgres_copy
from seeding.stores.base import REMOVED_AT_ONCE, MessageRange, RangeDigest, remove_all
from seeding.stores.parts import Parts
from seeding.stores.postgres_connections import PREAMBLE, Connections
from seeding.stores.postgres_copy import COLUMNS, copy_into
from seeding.stores.rows import member_rows, workspace_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from seeding.dataset.model import Context, Manifest, Workspace
    from seeding.stores.postgres_connections import DatabaseConnection
    from seeding.stores.postgres_copy import Payloads
    from seeding.stores.rows import Row

T = TypeVar("T")


class PostgresStore:
    """The dataset in Supabase's PostgreSQL. Every call is one transaction, so poolers may be used.

    The role must own the tables (Supabase's `postgres`), be a superuser, or bypass row level
    security and have service_role's rights.
    """

    name = "Supabase"
    concurrency = 4
    page = 1024

    def __init__(self, url: str) -> None:
        self._connections = Connections(self.name, url)
        self._retry = self._connections.retry
        self._parts = Parts()

    def read_manifest(self) -> Manifest | None:
        """Return what the database was seeded with, or None."""
        found: Manifest | None = self._ask(
            "select to_jsonb(manifest) - array['key', 'updated_at']"
            " from public.seed_manifest manifest where key = 'dragstrip'"
        )
        return found

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest; with a complete one, bring the planner's statistics up to date."""
        if manifest["state"] == "complete":
            self._ask("select public.dragstrip_analyze()")
        now = datetime.now(UTC).isoformat()
        row = {**manifest, "key": "dragstrip", "updated_at": now}
        self._upsert("seed_manifest", [row], key="key")

    def delete_manifest(self) -> None:
        """Remove the manifest."""
        self._ask("delete from public.seed_manifest where key = 'dragstrip'")

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        """Insert or update workspaces and their members."""
        self._upsert("workspaces", workspace_rows(workspaces))
        self._upsert("workspace_members", member_rows(workspaces))

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:
        """Return what is stored of these, in their order, with members; absent ones left out."""
        found: list[Workspace] = self._ask(
            "select public.dragstrip_read_workspaces(%s::uuid[])", list(ids)
        )
        return found

    @staticmethod
    def encode(contexts: Iterable[Context]) -> Payloads:
        """Return the rows of each table, parents before children."""
        return postgres_copy.encode(contexts)

    def write(self, batch: Payloads) -> None:
        """Insert contacts, all of a batch or nothing; update those that are there."""
        try:
            self._connections(lambda connection: _insert(connection, batch), can_halve=True)
        except psycopg.errors.UniqueViolation:
            # Perhaps an earlier try was committed and its answer lost: then these rows are ours.
            self._run(lambda connection: _merge(connection, batch), can_halve=True)

    def delete_contexts(self, start: int, stop: int) -> int:
        """Remove seeded contacts with all that hangs on them; return how many."""
        return sum(map(int, self._in_parts("delete_contexts", start, stop)))

    def delete_workspaces(self, ids: Sequence[str]) -> int:
        """Remove the workspaces in which no contact is left; return how many."""
        return int(self._ask("select public.dragstrip_delete_workspaces(%s::uuid[])", list(ids)))

    def next_index(self, start: int) -> int | None:
        """Return the smallest stored seed_index from `start` on, or None."""
        found: int | None = self._ask("select public.dragstrip_next_index(%s)", start)
        return found

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        """Return the digests of the aligned ranges that hold a contact."""
        parts = self._in_parts("range_digests", start, stop, least=RANGE)
        return [RangeDigest(**entry) for part in parts for entry in part]

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every stored contact by its index."""
        parts = self._in_parts("contact_digests", start, stop)
        return {entry["index"]: entry["digest"] for part in parts for entry in part}

    def contexts(self, start: int, stop: int) -> list[Context]:
        """Return what is stored, by index."""
        return [one for part in self._in_parts("read_contexts", start, stop) for one in part]

    def message_digests(self, prefix: str, start: int, stop: int) -> list[MessageRange]:
        """Return the digests of the ranges that hold a message of a run."""
        found = self._ask(
            "select public.dragstrip_message_digests(%s, %s, %s)", prefix, start, stop
        )
        return [MessageRange(**entry) for entry in found]

    def message_ids(self, prefix: str, start: int, stop: int) -> list[str]:
        """Return the ids of a run's messages, as often as each is stored."""
        found: list[str] = self._ask(
            "select public.dragstrip_message_ids(%s, %s, %s)", prefix, start, stop
        )
        return found

    def state_digests(self, workspace_id: str, phones: Sequence[str]) -> dict[str, str]:
        """Return the digest of what is stored of each contact by phone number."""
        found = self._ask(
            "select public.dragstrip_state_digests(%s::uuid, %s::text[])",
            workspace_id,
            list(phones),
        )
        return {entry["phone"]: entry["digest"] for entry in found}

    def remove_messages(self, prefix: str) -> int:
        """Remove messages whose ids begin so, and contacts that they alone made."""
        statement = "select public.dragstrip_remove_messages(%s, %s)"
        return remove_all(lambda: self._ask(statement, prefix, REMOVED_AT_ONCE))

    def stop(self) -> None:
        """End waits for a database that is away; the calls that wait raise BackendError."""
        self._retry.stop()

    def close(self) -> None:
        """Close the connections and end what waits for one."""
        self.stop()
        self._connections.close()

    def _upsert(self, table: str, rows: list[Row], *, key: str = "id") -> None:
        columns = ", ".join(rows[0])
        self._ask(
            f"insert into public.{table} ({columns})"  # noqa: S608  the names are our own
            f" select {columns} from jsonb_populate_recordset(null::public.{table}, %s)"
            f" {_or_update(rows[0], key)}",
            Jsonb(rows),
        )

    def _ask(self, statement: str, *parameters: Any) -> Any:
        """Run one statement and return the one value that it gives, if it gives any."""
        return self._run(lambda connection: _value(connection, statement, parameters))

    def _in_parts(self, function: str, start: int, stop: int, least: int = 1) -> Iterator[Any]:
        def ask(start: int, stop: int) -> Any:
            statement = f"select public.dragstrip_{function}(%s, %s)"
            return self._connections(
                lambda connection: _value(connection, statement, (start, stop)), can_halve=True
            )

        return self._parts.each(ask, start, stop, least)

    def _run(self, call: Callable[[DatabaseConnection], T], *, can_halve: bool = False) -> T:
        try:
            return self._connections(call, can_halve=can_halve)
        except psycopg.errors.UniqueViolation as error:
            raise self._connections.error(self._connections.said(error)) from None


def _value(connection: DatabaseConnection, statement: str, parameters: Sequence[Any]) -> Any:
    # Merged here and sent as one message: a transaction in one round trip.
    cursor = psycopg.ClientCursor(connection)
    cursor.execute(f"{PREAMBLE}; {statement}".encode(), parameters)
    while cursor.nextset():
        pass
    row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def _insert(connection: DatabaseConnection, batch: Payloads) -> None:
    connection.execute(f"begin; {PREAMBLE}".encode())
    for table, payload in batch.items():
        _copy(connection, f"public.{table}", COLUMNS[table], payload)
    connection.execute("commit")


def _merge(connection: DatabaseConnection, batch: Payloads) -> None:
    connection.execute(f"begin; {PREAMBLE}".encode())
    for table, payload in batch.items():
        connection.execute(
            f"create temporary table incoming (like public.{table}) on commit drop".encode()
        )
        _copy(connection, "pg_temp.incoming", COLUMNS[table], payload)
        columns = ", ".join(COLUMNS[table])
        connection.execute(
            f"insert into public.{table} ({columns})"  # noqa: S608  the names are our own
            f" select {columns} from pg_temp.incoming"
            f" {_or_update(COLUMNS[table], 'id')}; drop table pg_temp.incoming".encode()
        )
    connection.execute("commit")


def _copy(
    connection: DatabaseConnection, table: str, columns: Iterable[str], payload: bytes
) -> None:
    with connection.cursor().copy(copy_into(table, columns).encode()) as taken:
        taken.write(payload)


def _or_update(columns: Iterable[str], key: str) -> str:
    changes = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
    return f"on conflict ({key}) do update set {changes}"
