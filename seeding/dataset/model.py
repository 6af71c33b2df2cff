"""The rows that travel between the dataset and the stores. Times are milliseconds since 1970."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Answer = dict[str, Any]
"""A lookup's 200 body, as the contract has it."""


class Member(TypedDict):
    """A person who works in a workspace."""

    id: str
    user_id: str
    role: Literal["owner", "admin", "agent"]
    created_at: int


class Workspace(TypedDict):
    """A tenant, with its members."""

    id: str
    name: str
    slug: str
    kapso_phone_id: str
    created_at: int
    members: list[Member]


class Contact(TypedDict):
    """A lead. `phone` holds digits only."""

    id: str
    workspace_id: str
    phone: str
    name: str | None
    kapso_name: str | None
    email: str | None
    lead_status: str
    lead_score: int
    tags: list[str]
    first_contact_date: int
    created_at: int


class Conversation(TypedDict):
    """The one conversation that a contact may have."""

    id: str
    status: str
    unread_count: int
    last_message_at: int | None
    last_message_preview: str | None
    created_at: int


class Message(TypedDict):
    """One WhatsApp message."""

    id: str
    direction: Literal["inbound", "outbound"]
    sender_type: Literal["contact", "agent", "bot"]
    content: str
    message_type: str
    kapso_message_id: str | None
    created_at: int


class Note(TypedDict):
    """What a member wrote about a contact; `author_id` is the member's user_id."""

    id: str
    author_id: str | None
    content: str
    created_at: int


class Context(TypedDict):
    """A contact and all that hangs on it. Messages and notes stand oldest first."""

    index: int
    contact: Contact
    conversation: Conversation | None
    messages: list[Message]
    notes: list[Note]


class Manifest(TypedDict):
    """What a backend was seeded with; `state` is "seeding" until all of it is there."""

    seed: int
    contacts: int
    digest: str
    generator: str
    state: Literal["seeding", "complete"]
