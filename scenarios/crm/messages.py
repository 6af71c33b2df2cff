"""A run's inbound messages: each a pure function of (run, key), the same for both targets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import orjson

from dragstrip.scenario.numbered import drawn, number_of
from seeding.dataset.dataset import answer_to as answer_from
from seeding.dataset.dataset import not_found
from seeding.dataset.pools import load_pools
from seeding.leftovers import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seeding.dataset.dataset import Dataset
    from seeding.dataset.model import Answer, Context, Conversation, Message

DIGITS = 10
PREVIEW = 100
LONGEST_BYTES = 4096

_FROM_S = 1_800_000_000
"""After every seeded message. A message's second is its own: none shares it with another one."""
_LATE_ONE_IN = 8
_LATE_S = 1 << 16
"""A multiple of the one above, so that late messages keep seconds of their own."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What a contact writes. `index` is the contact's place in the dataset, or beyond its end."""

    id: str
    index: int
    phone: str
    kapso_phone_id: str
    type: str
    content: str
    sent_at_ms: int

    @property
    def shown(self) -> tuple[str, int]:
        """What a lookup shows of it, which no other message of a run has."""
        return self.content, self.sent_at_ms

    @property
    def sender(self) -> str:
        """The name on the sender's profile, the same in all of a contact's messages."""
        return f"Caller {self.phone[-4:]}"


class MessageMaker:
    """Makes the messages of a run to the contacts of a dataset."""

    def __init__(self, dataset: Dataset, run_id: str) -> None:
        self.dataset = dataset
        self.prefix = prefix_of(run_id)
        self._gateways = {one["id"]: one["kapso_phone_id"] for one in dataset.workspaces()}
        self._key = hashlib.blake2b(run_id.encode(), digest_size=32).digest()

    def __call__(self, key: int) -> InboundMessage:
        """Return the message of a numbered key."""
        number, index = number_of(key), drawn(key)
        kind, content = _content(self.draws(number))
        late = _LATE_S if number % _LATE_ONE_IN == _LATE_ONE_IN - 1 else 0
        return InboundMessage(
            id=self.id(number),
            index=index,
            phone=self.dataset.phone(index),
            kapso_phone_id=self._gateways[self.dataset.workspace_id(index)],
            type=kind,
            content=content,
            sent_at_ms=(_FROM_S + number - late) * 1000,
        )

    def id(self, number: int) -> str:
        """Return the id of a message by its number."""
        return f"{self.prefix}{number:0{DIGITS}d}"

    def draws(self, number: int) -> bytes:
        """Return 16 random bytes that depend on the run and the number alone."""
        data = number.to_bytes(8, "little")
        return hashlib.blake2b(data, digest_size=16, key=self._key).digest()


def prefix_of(run_id: str) -> str:
    """Return what the ids of all messages of a run begin with."""
    return f"{PREFIX}{run_id}."


def body_of(message: InboundMessage) -> bytes:
    """Return the body of the delivery, as Kapso sends it."""
    parts: dict[str, Any] = {
        "text": {"body": message.content},
        "image": {"caption": message.content, "mime_type": "image/jpeg"},
        "interactive": {
            "type": "button_reply",
            "button_reply": {"id": message.id, "title": message.content},
        },
    }
    return orjson.dumps(
        {
            "message": {
                "id": message.id,
                "timestamp": str(message.sent_at_ms // 1000),
                "type": message.type,
                message.type: parts[message.type],
                "from": message.phone,
                "kapso": {
                    "direction": "inbound",
                    "content": message.content,
                    "status": "received",
                },
            },
            "conversation": {
                "id": f"conv_{message.phone}",
                "phone_number": f"+{message.phone}",
                "kapso": {"contact_name": message.sender},
            },
            "phone_number_id": message.kapso_phone_id,
        }
    )


@overload
def with_messages(base: Context, stored: Iterable[InboundMessage]) -> Context: ...
@overload
def with_messages(base: None, stored: Iterable[InboundMessage]) -> Context | None: ...
@overload
def with_messages(base: Context | None, stored: Iterable[InboundMessage]) -> Context | None: ...
def with_messages(base: Context | None, stored: Iterable[InboundMessage]) -> Context | None:
    """Return a contact as these messages leave it: the one that was seeded, or a new one."""
    added = sorted(stored, key=lambda message: message.sent_at_ms)
    if not added:
        return base
    conversation = _conversation(base["conversation"] if base else None, added)
    messages = [*(base["messages"] if base else ()), *map(_row, added)]
    messages.sort(key=lambda message: message["created_at"])
    context: Any = {**(base or {}), "conversation": conversation, "messages": messages}
    return context  # type: ignore[no-any-return]


def _row(message: InboundMessage) -> Message:
    return {
        "id": "",
        "direction": "inbound",
        "sender_type": "contact",
        "content": message.content,
        "message_type": message.type,
        "kapso_message_id": message.id,
        "created_at": message.sent_at_ms,
    }


def new_contact(message: InboundMessage, workspace_id: str) -> Context:
    """Return the contact that the first message of somebody new creates, without messages."""
    return {
        "index": -1,
        "contact": {
            "id": "",
            "workspace_id": workspace_id,
            "phone": message.phone,
            "name": None,
            "kapso_name": message.sender,
            "email": None,
            "lead_status": "new",
            "lead_score": 0,
            "tags": [],
            "first_contact_date": message.sent_at_ms,
            "created_at": 0,
        },
        "conversation": None,
        "messages": [],
        "notes": [],
    }


def answer_to(context: Context | None) -> Answer:
    """Return the answer to a lookup of a contact that may not be there."""
    return not_found() if context is None else answer_from(context)


def _conversation(before: Conversation | None, added: list[InboundMessage]) -> Conversation:
    talk: Conversation = before or {
        "id": "",
        "status": "open",
        "unread_count": 0,
        "last_message_at": None,
        "last_message_preview": None,
        "created_at": 0,
    }
    newest, last_ms = added[-1], talk["last_message_at"]
    moves = last_ms is None or newest.sent_at_ms > last_ms
    return {
        **talk,
        "unread_count": talk["unread_count"] + len(added),
        "last_message_at": newest.sent_at_ms if moves else last_ms,
        "last_message_preview": newest.content[:PREVIEW] if moves else talk["last_message_preview"],
    }


def _content(draws: bytes) -> tuple[str, str]:
    """Draw type and content: eight of ten are texts, and one in a hundred has 4 KiB."""
    pools = load_pools()
    text = pools.inbound[int.from_bytes(draws[:2], "little") % len(pools.inbound)]
    emoji = pools.emoji[draws[2] % len(pools.emoji)]
    kind = "text" if draws[3] < 205 else "image" if draws[3] < 236 else "interactive"
    if kind == "image":
        return kind, text if draws[4] & 1 else ""
    if kind == "interactive":
        return kind, f"{emoji} {text.split()[0]}"
    return kind, _long(f"{text} {emoji} ") if draws[5] < 3 else text + f" {emoji}" * (draws[6] & 1)


def _long(text: str) -> str:
    """Return the text again and again, up to 4 KiB of UTF-8."""
    many = text * (LONGEST_BYTES // len(text.encode()) + 1)
    return many.encode()[:LONGEST_BYTES].decode(errors="ignore")
