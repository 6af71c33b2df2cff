"""Digests of contexts, computed alike here, in SQL and in JavaScript.

A contact's digest is the SHA-256 of its fields in a fixed order; a range's is that of the contact
digests in it; the dataset's, that of the ranges'. A comparison of two sides can therefore walk
from one value down to the contact that differs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seeding.dataset.model import Context

RANGE = 128
"""Indices in one range; range k starts at 128 k."""

_NULL = "\x1e"
_END = "\x1f"


def ranges(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Return the aligned ranges that cover [start, stop), the outer ones cut to it."""
    while start < stop:
        end = min((start // RANGE + 1) * RANGE, stop)
        yield start, end
        start = end


def contact_digest(context: Context) -> str:
    """Return the digest of one contact with its conversation, messages and notes."""
    return hashlib.sha256(canonical(context).encode()).hexdigest()


def state_digest(context: Context) -> str:
    """Return the digest of a contact of which all can be predicted."""
    return contact_digest(predictable(context))


def predictable(context: Context) -> Context:
    """Return a contact with blanks for what a backend chose itself.

    These are the ids and times of rows that a message created, and the ids of messages; a contact
    that was not seeded has the index -1.
    """
    contact, conversation = context["contact"], context["conversation"]
    if context["index"] < 0:
        contact = {**contact, "id": "", "first_contact_date": 0, "created_at": 0}
    return {
        **context,
        "contact": contact,
        "conversation": conversation and {**conversation, "id": "", "created_at": 0},
        "messages": [{**message, "id": ""} for message in context["messages"]],
    }


def range_digest(digests: Iterable[tuple[int, str]]) -> str:
    """Return the digest of a range from its (index, contact digest) pairs, in index order."""
    text = "".join([f"{index}:{digest}\n" for index, digest in digests])
    return hashlib.sha256(text.encode()).hexdigest()


def dataset_digest(range_digests: Iterable[str]) -> str:
    """Return the digest of all ranges, in order."""
    whole = hashlib.sha256()
    for digest in range_digests:
        whole.update(f"{digest}\n".encode())
    return whole.hexdigest()


def canonical(context: Context) -> str:
    """Return the text that is hashed: every field followed by U+001F, null as U+001E."""
    contact, conversation = context["contact"], context["conversation"]
    fields: list[str | None] = [
        str(context["index"]),
        contact["id"],
        contact["workspace_id"],
        contact["phone"],
        contact["name"],
        contact["kapso_name"],
        contact["email"],
        contact["lead_status"],
        str(contact["lead_score"]),
        str(len(contact["tags"])),
        *contact["tags"],
        str(contact["first_contact_date"]),
        str(contact["created_at"]),
    ]
    if conversation is None:
        fields.append(None)
    else:
        last = conversation["last_message_at"]
        fields += (
            conversation["id"],
            conversation["status"],
            str(conversation["unread_count"]),
            None if last is None else str(last),
            conversation["last_message_preview"],
            str(conversation["created_at"]),
        )
    _add_messages(fields, context)
    _add_notes(fields, context)
    return _END.join([_NULL if field is None else field for field in fields]) + _END


def _add_messages(fields: list[str | None], context: Context) -> None:
    messages = context["messages"]
    fields.append(str(len(messages)))
    for message in messages:
        fields += (
            message["id"],
            message["direction"],
            message["sender_type"],
            message["content"],
            message["message_type"],
            message["kapso_message_id"],
            str(message["created_at"]),
        )


def _add_notes(fields: list[str | None], context: Context) -> None:
    notes = context["notes"]
    fields.append(str(len(notes)))
    for note in notes:
        fields += (note["id"], note["author_id"], note["content"], str(note["created_at"]))
