"""Rows of the dataset, written straight to PostgreSQL: these tests are about its functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from seeding.dataset.dataset import Dataset
    from seeding.dataset.model import Context, Workspace

_TIMES = {"created_at", "first_contact_date", "last_message_at"}


def insert_dataset(connection: psycopg.Connection[Any], dataset: Dataset) -> None:
    """Insert the workspaces, and the contacts with all that belongs to them."""
    insert_workspaces(connection, dataset.workspaces())
    insert_contexts(connection, map(dataset.context, range(dataset.contacts)))


def insert_workspaces(connection: psycopg.Connection[Any], workspaces: Iterable[Workspace]) -> None:
    """Insert the workspaces with their members."""
    for workspace in workspaces:
        row = dict(workspace)
        row.pop("members")
        _insert(connection, "workspaces", row)
        for member in workspace["members"]:
            _insert(connection, "workspace_members", {**member, "workspace_id": workspace["id"]})


def insert_contexts(connection: psycopg.Connection[Any], contexts: Iterable[Context]) -> None:
    """Insert seeded contacts with their conversations, messages and notes."""
    for context in contexts:
        contact, conversation = context["contact"], context["conversation"]
        tenant = {"workspace_id": contact["workspace_id"]}
        of_contact = {**tenant, "contact_id": contact["id"]}
        _insert(connection, "contacts", {**contact, "seed_index": context["index"]})
        if conversation:
            of_conversation = {**tenant, "conversation_id": conversation["id"]}
            _insert(connection, "conversations", {**conversation, **of_contact})
            for message in context["messages"]:
                _insert(connection, "messages", {**message, **of_conversation})
        for note in context["notes"]:
            _insert(connection, "contact_notes", {**note, **of_contact})


def _insert(connection: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    values = [
        f"timestamptz 'epoch' + %({column})s * interval '1 ms'"
        if column in _TIMES
        else f"%({column})s"
        for column in row
    ]
    connection.execute(
        f"insert into {table} ({', '.join(row)}) values ({', '.join(values)})".encode(), row
    )
