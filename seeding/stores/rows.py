"""Rows as JSON has them, for the tables of backends/supabase. Times are text, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seeding.model import Context, Workspace

Row = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = frozenset({"created_at", "last_message_at", "first_contact_date"})


def workspace_rows(workspaces: Sequence[Workspace]) -> list[Row]:
    """Return the rows of the workspaces themselves."""
    return [
        {key: value for key, value in _row(workspace).items() if key != "members"}
        for workspace in workspaces
    ]


def member_rows(workspaces: Sequence[Workspace]) -> list[Row]:
    """Return the rows of the workspaces' members."""
    return [
        {**_row(member), "workspace_id": workspace["id"]}
        for workspace in workspaces
        for member in workspace["members"]
    ]


def context_rows(context: Context) -> list[tuple[str, Row]]:
    """Return a context's rows with their tables."""
    contact, conversation = context["contact"], context["conversation"]
    tenant = {"workspace_id": contact["workspace_id"]}
    of_contact = {**tenant, "contact_id": contact["id"]}
    rows = [("contacts", {**_row(contact), "seed_index": context["index"]})]
    if conversation is not None:
        of_conversation = {**tenant, "conversation_id": conversation["id"]}
        rows.append(("conversations", {**_row(conversation), **of_contact}))
        rows += [("messages", {**_row(one), **of_conversation}) for one in context["messages"]]
    rows += [("contact_notes", {**_row(note), **of_contact}) for note in context["notes"]]
    return rows


def _row(fields: Any) -> Row:
    # Whole milliseconds survive as text; floats would not.
    return {
        key: (_EPOCH + timedelta(milliseconds=value)).isoformat()
        if key in _TIMES and value is not None
        else value
        for key, value in fields.items()
    }
