"""Contexts in the form that PostgreSQL's COPY takes: the rows of four tables, in its binary format.

Binary, as it is measured a little cheaper than text on both ends and knows no escapes, no date
style and no time zone. Every value goes as its length in four bytes (-1 for null) and its bytes.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seeding.dataset.model import Contact, Context, Conversation, Message, Note

Payloads = dict[str, bytes]
"""What COPY is fed, by table, parents before children."""

COLUMNS = {
    "contacts": (
        "seed_index", "id", "workspace_id", "phone", "name", "kapso_name", "email", "lead_status",
        "lead_score", "tags", "first_contact_date", "created_at",
    ),
    "conversations": (
        "workspace_id", "contact_id", "id", "status", "unread_count", "last_message_at",
        "last_message_preview", "created_at",
    ),
    "messages": (
        "workspace_id", "conversation_id", "id", "direction", "sender_type", "content",
        "message_type", "kapso_message_id", "created_at",
    ),
    "contact_notes": ("workspace_id", "contact_id", "id", "author_id", "content", "created_at"),
}  # fmt: skip

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"

_length = Struct(">i").pack
_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_array = Struct(">iiiiii").pack
_empty_array = Struct(">iiii").pack
_fields = {table: Struct(">h").pack(len(columns)) for table, columns in COLUMNS.items()}

_UUID_LENGTH = _length(16)
_TEXT_OID = 25
# PostgreSQL counts microseconds since 2000.
_EPOCH_MS = 946_684_800_000


def encode(contexts: Iterable[Context]) -> Payloads:
    """Return the rows of the contexts, each table's ready for its `copy_into` statement.

    To hand them to `psql \\copy` instead, write each to a file.
    """
    contacts, conversations, messages, notes = [_HEADER], [_HEADER], [_HEADER], [_HEADER]
    for context in contexts:
        contact, conversation = context["contact"], context["conversation"]
        workspace_id, contact_id = _known_uuid(contact["workspace_id"]), _uuid(contact["id"])
        contacts.append(_contact(context["index"], contact_id, workspace_id, contact))
        if conversation is not None:
            conversation_id = _uuid(conversation["id"])
            conversations.append(
                _conversation(workspace_id + contact_id + conversation_id, conversation)
            )
            of_conversation = workspace_id + conversation_id
            messages += [_message(of_conversation, message) for message in context["messages"]]
        of_contact = workspace_id + contact_id
        notes += [_note(of_contact, note) for note in context["notes"]]
    return {
        "contacts": b"".join(contacts) + _TRAILER,
        "conversations": b"".join(conversations) + _TRAILER,
        "messages": b"".join(messages) + _TRAILER,
        "contact_notes": b"".join(notes) + _TRAILER,
    }


def copy_into(table: str, columns: Iterable[str]) -> str:
    """Return the statement that takes a payload."""
    return f"copy {table} ({', '.join(columns)}) from stdin (format binary)"


def _contact(index: int, contact_id: bytes, workspace_id: bytes, contact: Contact) -> bytes:
    return b"".join(
        (
            _fields["contacts"],
            _int8(8, index),
            contact_id,
            workspace_id,
            _text(contact["phone"]),
            _text(contact["name"]),
            _text(contact["kapso_name"]),
            _text(contact["email"]),
            _known_text(contact["lead_status"]),
            _int4(4, contact["lead_score"]),
            _tags(contact["tags"]),
            _time(contact["first_contact_date"]),
            _time(contact["created_at"]),
        )
    )


def _conversation(ids: bytes, conversation: Conversation) -> bytes:
    return b"".join(
        (
            _fields["conversations"],
            ids,
            _known_text(conversation["status"]),
            _int4(4, conversation["unread_count"]),
            _time(conversation["last_message_at"]),
            _text(conversation["last_message_preview"]),
            _time(conversation["created_at"]),
        )
    )


def _message(of_conversation: bytes, message: Message) -> bytes:
    return b"".join(
        (
            _fields["messages"],
            of_conversation,
            _uuid(message["id"]),
            _known_text(message["direction"]),
            _known_text(message["sender_type"]),
            _text(message["content"]),
            _known_text(message["message_type"]),
            _text(message["kapso_message_id"]),
            _time(message["created_at"]),
        )
    )


def _note(of_contact: bytes, note: Note) -> bytes:
    author_id = note["author_id"]
    return b"".join(
        (
            _fields["contact_notes"],
            of_contact,
            _uuid(note["id"]),
            _NULL if author_id is None else _known_uuid(author_id),
            _text(note["content"]),
            _time(note["created_at"]),
        )
    )


def _text(text: str | None) -> bytes:
    if text is None:
        return _NULL
    encoded = text.encode()
    return _length(len(encoded)) + encoded


def _tags(tags: list[str]) -> bytes:
    if not tags:
        # No dimensions, no nulls.
        return _empty_array(12, 0, 0, _TEXT_OID)
    elements = b"".join([_known_text(tag) for tag in tags])
    # One dimension of so many elements, numbered from 1.
    return _array(20 + len(elements), 1, 0, _TEXT_OID, len(tags), 1) + elements


def _uuid(text: str) -> bytes:
    return _UUID_LENGTH + bytes.fromhex(text.replace("-", ""))


def _time(ms: int | None) -> bytes:
    return _NULL if ms is None else _int8(8, (ms - _EPOCH_MS) * 1000)


# For values that come again and again.
_known_text = lru_cache(maxsize=1024)(_text)
_known_uuid = lru_cache(maxsize=1024)(_uuid)
