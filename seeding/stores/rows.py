"""Rows as JSON has them, for the tables of backends/supabase. Times are text, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seeding.dataset.model import Context, Message, Note, Workspace

Row = dict[str, Any]
Tables = dict[str, list[Row]]
"""Rows by table, parents before children."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def workspace_rows(workspaces: Sequence[Workspace]) -> list[Row]:
    """Return the rows of the workspaces themselves."""
    rows: list[Row] = [
        {**workspace, "created_at": _time(workspace["created_at"])} for workspace in workspaces
    ]
    for row in rows:
        del row["members"]
    return rows


def member_rows(workspaces: Sequence[Workspace]) -> list[Row]:
    """Return the rows of the workspaces' members."""
    return [
        {**member, "workspace_id": workspace["id"], "created_at": _time(member["created_at"])}
        for workspace in workspaces
        for member in workspace["members"]
    ]


def context_rows(contexts: Iterable[Context]) -> Tables:
    """Return the rows of contexts."""
    tables: Tables = {"contacts": [], "conversations": [], "messages": [], "contact_notes": []}
    for context in contexts:
        contact, conversation = context["contact"], context["conversation"]
        of_contact = {"workspace_id": contact["workspace_id"], "contact_id": contact["id"]}
        tables["contacts"].append(
            {
                **contact,
                "seed_index": context["index"],
                "first_contact_date": _time(contact["first_contact_date"]),
                "created_at": _time(contact["created_at"]),
            }
        )
        if conversation is not None:
            last = conversation["last_message_at"]
            tables["conversations"].append(
                {
                    **conversation,
                    **of_contact,
                    "last_message_at": None if last is None else _time(last),
                    "created_at": _time(conversation["created_at"]),
                }
            )
            of_conversation = {
                "workspace_id": contact["workspace_id"], "conversation_id": conversation["id"]
            }  # fmt: skip
            tables["messages"] += _dated(context["messages"], of_conversation)
        tables["contact_notes"] += _dated(context["notes"], of_contact)
    return tables


def _dated(rows: Iterable[Message | Note], owner: Row) -> list[Row]:
    return [{**row, **owner, "created_at": _time(row["created_at"])} for row in rows]


def _time(ms: int) -> str:
    # Whole milliseconds survive as text; floats would not.
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat()
