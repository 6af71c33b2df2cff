"""The contacts that the contract is checked on: some of the dataset's, and some made by hand.

Their indices lie far above any dataset's, so they never count as part of what was seeded.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seeding.dataset.dataset import Dataset, answer_to

if TYPE_CHECKING:
    from seeding.dataset.model import Contact, Context, Message, Note, Workspace

_SEED = 9_071
_GENERATED = 160
_FIRST_INDEX = 900_000_000
_MINUTE_MS = 60_000
_BIRTH_MS = 1_735_700_000_000
_NAMESPACE = uuid.UUID("6c0b1a52-51c5-4b0f-a8f2-6d9c1b3f7e10")


@dataclass(frozen=True)
class People:
    """Workspaces and contexts, the right answer to each, and where one person stands twice."""

    workspaces: list[Workspace]
    contexts: list[Context]
    twin_phone: str
    """A number that two workspaces know, as different people."""
    nobody_phone: str
    """A number that no workspace knows."""
    first_index: int = _FIRST_INDEX

    @classmethod
    def make(cls) -> People:
        dataset = Dataset(_SEED, _GENERATED)
        own = [_workspace("north"), _workspace("south"), _workspace("webhook")]
        generated = list(dataset.contexts(0, _GENERATED))
        contexts = generated + _by_hand(own[0], own[1])
        for offset, context in enumerate(contexts):
            context["index"] = _FIRST_INDEX + offset
        return cls(
            workspaces=[*dataset.workspaces(), *own],
            contexts=contexts,
            twin_phone=_TWIN,
            nobody_phone=dataset.phone(_GENERATED + 7),
        )

    @property
    def gateway(self) -> Workspace:
        """The workspace that the webhooks write into."""
        return next(w for w in self.workspaces if w["slug"].endswith("webhook"))

    def workspace(self, name: str) -> Workspace:
        return next(w for w in self.workspaces if w["slug"].endswith(name))

    def answers(self) -> list[tuple[Contact, dict[str, Any]]]:
        """Return every contact with the body that its lookup must give."""
        return [(context["contact"], answer_to(context)) for context in self.contexts]


_TWIN = "628110000001"


def _workspace(name: str) -> Workspace:
    return {
        "id": _id("workspace", name),
        "name": f"Contract {name}",
        "slug": f"contract-{name}",
        "kapso_phone_id": f"contract-gateway-{name}",
        "created_at": _BIRTH_MS,
        "members": [],
    }


def _by_hand(north: Workspace, south: Workspace) -> list[Context]:
    return [
        _context(north, _TWIN, name="Wayan in the north", notes=1, messages=1),
        _context(south, _TWIN, name="Made in the south", notes=2, messages=2),
        _context(north, "628110000002", name=None, notes=0, messages=None),
        _context(north, "628110000003", name="No message yet", notes=0, messages=0),
        _context(north, "628110000004", name="Exactly at the limits", notes=5, messages=10),
        _context(north, "628110000005", name="One above", notes=6, messages=11),
        _context(north, "628110000006", name="Many", notes=40, messages=60),
        _context(south, "628110000007", name=_UNUSUAL, notes=2, messages=2, text=_UNUSUAL),
        _context(south, "1", name="A number of one digit", notes=0, messages=1),
        _context(south, "0062811000009", name="Leading zeros", notes=0, messages=None),
    ]


# Emoji with joiners, right to left, combining marks, quotes and controls that JSON must escape.
_UNUSUAL = '👩‍🎓 e\u0301 مرحبا 学习 "quoted" \\ </script> %00 \t\n\u2028 \u200d ﬁ 𝒦'


def _context(
    workspace: Workspace,
    phone: str,
    *,
    name: str | None,
    notes: int,
    messages: int | None,
    text: str = "text",
) -> Context:
    """Return a context with that many notes and messages; None is no conversation at all."""
    made_messages = [_message(workspace, phone, n, text) for n in range(messages or 0)]
    last = made_messages[-1] if made_messages else None
    conversation = {
        "id": _id(workspace["id"], phone, "conversation"),
        "status": "open",
        "unread_count": 0,
        "last_message_at": last["created_at"] if last else None,
        "last_message_preview": last["content"] if last else None,
        "created_at": _BIRTH_MS,
    }
    context: Any = {
        "index": 0,
        "contact": {
            "id": _id(workspace["id"], phone),
            "workspace_id": workspace["id"],
            "phone": phone,
            "name": name,
            "kapso_name": None if name is None else f"~{name}",
            "email": None,
            "lead_status": "converted",
            "lead_score": 100,
            "tags": [] if name is None else ["z", "a", name],
            "first_contact_date": _BIRTH_MS - 1,
            "created_at": _BIRTH_MS,
        },
        "conversation": None if messages is None else conversation,
        "messages": made_messages,
        "notes": [_note(workspace, phone, n, text) for n in range(notes)],
    }
    made: Context = context
    return made


def _message(workspace: Workspace, phone: str, number: int, text: str) -> Message:
    return {
        "id": _id(workspace["id"], phone, "message", str(number)),
        "direction": "outbound" if number % 3 else "inbound",
        "sender_type": "bot" if number % 3 else "contact",
        "content": f"{text} {number}",
        "message_type": "text",
        "kapso_message_id": None,
        "created_at": _BIRTH_MS + number * _MINUTE_MS,
    }


def _note(workspace: Workspace, phone: str, number: int, text: str) -> Note:
    return {
        "id": _id(workspace["id"], phone, "note", str(number)),
        "author_id": None,
        "content": f"{text} note {number}",
        "created_at": _BIRTH_MS + number * _MINUTE_MS,
    }


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))
