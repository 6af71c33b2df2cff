"""How one contact and its context are made from the bytes of (seed, index).

`docs/dataset.md` lists the distributions. The first bytes are the contact's own draws, in fixed
places; after them come 24 bytes for each message and each note. A draw of 16 bits is taken modulo
the length of its pool or masked to a table's 1024 entries; the bias is below one in a hundred.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from seeding.dataset.hash_draws import TABLE_MASK, geometric, spread, stream_key
from seeding.dataset.phones import PhoneBook, digits_of
from seeding.dataset.workspaces import SHARES_PERCENT, make_workspaces, uuid_from

if TYPE_CHECKING:
    from seeding.dataset.model import Contact, Context, Conversation, Message, Note
    from seeding.dataset.pools import Locale, Pools

_DAY_MS = 86_400_000
_START_MS = 1_609_459_200_000  # 2021-01-01
_GROWTH_MS = 1_461 * _DAY_MS  # until 2025-01-01; no message or note is a year younger than that
_EARLIER_MS = 400 * _DAY_MS
_OPENING_MS = 3_600_000
_NOTE_GAP_MS = 30 * _DAY_MS

# The head: two UUIDs, four wide draws for times, nineteen narrow ones. A row: a UUID, three draws.
_HEAD = Struct("<32x4Q19H")
_ROW = Struct("<16xIHH")
_ROW_DIGITS = 2 * _ROW.size
_CONVERSATION_DIGITS = 32

_MESSAGES = geometric(1, 40, 88)
_NOTES = geometric(0, 12, 66)
_TAGS = spread((0, 1, 2, 3, 4), (30, 30, 22, 12, 6))
_STATUS = spread(("new", "cold", "warm", "hot", "converted", "lost"), (34, 24, 19, 9, 8, 6))
_CONVERSATION_STATUS = spread(("open", "pending", "closed"), (45, 15, 40))
_TALK = spread(("none", "silent", "messages"), (15, 5, 80))
_NAME = spread(("full", "first", "none"), (74, 14, 12))
_PROFILE = spread(("none", "dotted", "emoji", "first", "capitals", "full"), (14, 26, 20, 18, 8, 14))
_HAS_EMAIL = spread((True, False), (62, 38))
_IMPORTED = spread((True, False), (20, 80))

# Scores follow the status: (lowest, how many values from there).
_SCORES = {
    "new": (0, 41), "cold": (5, 36), "warm": (35, 41),
    "hot": (65, 36), "converted": (76, 25), "lost": (0, 31),
}  # fmt: skip

# A dialogue comes in bursts: minutes apart, now and then a day, now and then a week.
_MESSAGE_GAP_MS = spread((600_000, _DAY_MS, 9 * _DAY_MS), (70, 20, 10))
_SENDER = ("text",) * 34 + ("media",) * 3 + ("agent",) * 20 + ("bot",) * 7
_SECOND_SENTENCE = 20  # of 128
_PREVIEW = 80


class _Head(NamedTuple):
    """A contact's own draws: four of 64 bits, the rest of 16."""

    created_a: int
    created_b: int
    earlier: int
    opened: int
    workspace: int
    locale: int
    first: int
    last: int
    name: int
    profile: int
    emoji: int
    email: int
    domain: int
    status: int
    score: int
    imported: int
    tags: int
    tag_pick: int
    talk: int
    messages: int
    notes: int
    conversation_status: int
    unread: int


class ContextMaker:
    """Makes any context of one seed in constant time."""

    def __init__(self, seed: int, pools: Pools) -> None:
        self._key = stream_key(seed, "contact")
        self._phones = PhoneBook(seed)
        self._pools = pools
        self._prefixes = sorted({locale.prefix for locale in pools.locales})
        workspaces = make_workspaces(seed)
        self._workspace_ids = spread([w["id"] for w in workspaces], SHARES_PERCENT)
        self._authors = {w["id"]: [m["user_id"] for m in w["members"]] for w in workspaces}

    def workspace_id(self, index: int) -> str:
        """Return the workspace of an index, whether or not anybody has this index."""
        head = _Head._make(_HEAD.unpack(self._bytes(index, _HEAD.size)))
        return self._workspace_ids[head.workspace & TABLE_MASK]

    def phone(self, index: int) -> str:
        """Return the phone number of an index, whether or not anybody has it."""
        if len(self._prefixes) == 1:
            return self._phones.phone(index, self._prefixes[0])
        head = _Head._make(_HEAD.unpack(self._bytes(index, _HEAD.size)))
        return self._phones.phone(index, self._locale(head).prefix)

    def index(self, phone: str) -> int | None:
        """Return the index of a phone number in any formatting; None when it is of no index."""
        for prefix in self._prefixes:
            index = self._phones.index(phone, prefix)
            if index is not None and self.phone(index) == digits_of(phone):
                return index
        return None

    def __call__(self, index: int) -> Context:
        """Return the context of an index."""
        raw = self._bytes(index, _HEAD.size)
        head, digits = _Head._make(_HEAD.unpack(raw)), raw.hex()
        contact = self._contact(index, digits, head)
        talk = _TALK[head.talk & TABLE_MASK]
        messages = _MESSAGES[head.messages & TABLE_MASK] if talk == "messages" else 0
        notes = _NOTES[head.notes & TABLE_MASK]

        rows = self._bytes(index, _HEAD.size + (messages + notes) * _ROW.size)[_HEAD.size :]
        split = messages * _ROW.size
        opened_at = contact["created_at"] + head.opened % _OPENING_MS
        said = self._messages(rows[:split], opened_at)
        return {
            "index": index,
            "contact": contact,
            "conversation": (
                None if talk == "none" else _conversation(digits, head, said, opened_at)
            ),
            "messages": said,
            "notes": self._notes(rows[split:], contact),
        }

    def _bytes(self, index: int, size: int) -> bytes:
        return hashlib.shake_128(self._key + index.to_bytes(8, "little")).digest(size)

    def _contact(self, index: int, digits: str, head: _Head) -> Contact:
        status = _STATUS[head.status & TABLE_MASK]
        lowest_score, scores = _SCORES[status]
        # The later of two draws: an agency that grows.
        created_at = _START_MS + (max(head.created_a, head.created_b) * _GROWTH_MS >> 64)
        imported = _IMPORTED[head.imported & TABLE_MASK]
        name, kapso_name, email = self._names(index, head)
        return {
            "id": uuid_from(digits),
            "workspace_id": self._workspace_ids[head.workspace & TABLE_MASK],
            "phone": self._phones.phone(index, self._locale(head).prefix),
            "name": name,
            "kapso_name": kapso_name,
            "email": email,
            "lead_status": status,
            "lead_score": lowest_score + head.score % scores,
            "tags": self._tags(_TAGS[head.tags & TABLE_MASK], head.tag_pick),
            "first_contact_date": created_at - (head.earlier % _EARLIER_MS if imported else 0),
            "created_at": created_at,
        }

    def _locale(self, head: _Head) -> Locale:
        return self._pools.locales[head.locale & TABLE_MASK]

    def _names(self, index: int, head: _Head) -> tuple[str | None, str | None, str | None]:
        """Return the CRM's name, the name on the WhatsApp profile, and the mail address."""
        pools = self._pools
        locale = self._locale(head)
        first, first_slug = locale.first[head.first % len(locale.first)]
        last, last_slug = locale.last[head.last % len(locale.last)]
        full = locale.full_name(first, last)
        kind = _NAME[head.name & TABLE_MASK]
        name = None if kind == "none" else first if kind == "first" else full

        style = _PROFILE[head.profile & TABLE_MASK]
        profile: str | None = None
        if style == "dotted":
            profile = f"{first_slug}.{last_slug[0]}"
        elif style == "emoji":
            profile = f"{first} {pools.emoji[head.emoji % len(pools.emoji)]}"
        elif style == "capitals":
            profile = first.upper()
        elif style != "none":
            profile = first if style == "first" else full

        email = None
        if _HAS_EMAIL[head.email & TABLE_MASK]:
            # Slugs hold no digit, so that the index makes the address unique.
            domain = pools.mail_domains[head.domain % len(pools.mail_domains)]
            email = f"{first_slug}.{last_slug}{index}@{domain}"
        return name, profile, email

    def _tags(self, count: int, draw: int) -> list[str]:
        # The number of tags is prime, so that any step reaches different ones.
        tags = self._pools.tags
        at, step = draw, (draw >> 8) % (len(tags) - 1) + 1
        return [tags[(at + n * step) % len(tags)] for n in range(count)]

    def _messages(self, rows: bytes, created_at: int) -> list[Message]:
        pools, digits = self._pools, rows.hex()
        messages: list[Message] = []
        for n, (gap, pick, kind) in enumerate(_ROW.iter_unpack(rows)):
            at = n * _ROW_DIGITS
            created_at += 1 + (gap * _MESSAGE_GAP_MS[kind & TABLE_MASK] >> 32)
            sender = _SENDER[kind >> 10]
            inbound = sender in {"text", "media"}
            if sender == "media":
                message_type, content = pools.media[pick % len(pools.media)]
            else:
                message_type = "text"
                content = _text(pools.inbound if inbound else pools.outbound, pick, gap)
            messages.append(
                {
                    "id": uuid_from(digits, at),
                    "direction": "inbound" if inbound else "outbound",
                    "sender_type": "contact" if inbound else "bot" if sender == "bot" else "agent",
                    "content": content,
                    "message_type": message_type,
                    "kapso_message_id": f"wamid.{digits[at : at + 32]}" if inbound else None,
                    "created_at": created_at,
                }
            )
        return messages

    def _notes(self, rows: bytes, contact: Contact) -> list[Note]:
        pool, digits = self._pools.notes, rows.hex()
        authors = self._authors[contact["workspace_id"]]
        created_at = contact["created_at"]
        notes: list[Note] = []
        for n, (gap, pick, author) in enumerate(_ROW.iter_unpack(rows)):
            created_at += 1 + (gap * _NOTE_GAP_MS >> 32)
            notes.append(
                {
                    "id": uuid_from(digits, n * _ROW_DIGITS),
                    # One in eight was written by somebody who has left.
                    "author_id": authors[author % len(authors)] if author >= 0x2000 else None,
                    "content": _text(pool, pick, gap),
                    "created_at": created_at,
                }
            )
        return notes


def _conversation(
    digits: str, head: _Head, messages: list[Message], opened_at: int
) -> Conversation:
    last = messages[-1] if messages else None
    unread = last is not None and last["direction"] == "inbound"
    return {
        "id": uuid_from(digits, _CONVERSATION_DIGITS),
        "status": _CONVERSATION_STATUS[head.conversation_status & TABLE_MASK],
        "unread_count": 1 + head.unread % 3 if unread else 0,
        "last_message_at": last["created_at"] if last else None,
        "last_message_preview": last["content"][:_PREVIEW].rstrip() if last else None,
        "created_at": opened_at,
    }


def _text(pool: list[str], pick: int, other: int) -> str:
    """Return one sentence of a pool, or two."""
    text = pool[pick % len(pool)]
    if pick >> 9 < _SECOND_SENTENCE:
        return f"{text} {pool[other % len(pool)]}"
    return text
