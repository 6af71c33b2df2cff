"""The dataset: a pure function from (seed, index) to a contact and its context.

Nothing is stored and nothing depends on another index, so any process can name any contact, and
the right answer to its lookup, without holding the data.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from seeding.dataset.contact import ContextMaker
from seeding.dataset.digest import contact_digest, dataset_digest, range_digest, ranges
from seeding.dataset.local_pools import pools_digest, pools_file
from seeding.dataset.phones import PHONES
from seeding.dataset.pools import load_pools
from seeding.dataset.workspaces import make_workspaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import DatasetConfig
    from seeding.dataset.model import Answer, Context, Workspace

GENERATOR = "1"
"""Version of the data: any change to what an index yields gets a new one."""

NOTES_ANSWERED = 5
MESSAGES_ANSWERED = 10


class Dataset:
    """The contacts 0 .. contacts-1 of a seed. Indices from there on have no contact."""

    def __init__(self, seed: int, contacts: int, locales: tuple[str, ...] = ()) -> None:
        if not 0 <= contacts <= PHONES:
            raise ValueError(f"contacts must lie between 0 and {PHONES}")
        self.seed = seed
        self.contacts = contacts
        self.locales = locales
        self._make = _context_maker(seed, locales)

    @classmethod
    def of(cls, config: DatasetConfig) -> Dataset:
        """Return what the configuration names. Raises ConfigError for locales without names."""
        return cls(config.seed, config.contacts, config.locales)

    @property
    def generator(self) -> str:
        """Version of the data, with the digest of the names where Faker made them."""
        return f"{GENERATOR}+{pools_digest(self.locales)}" if self.locales else GENERATOR

    def phone(self, index: int) -> str:
        """Return the phone number of an index, digits only."""
        return self._make.phone(index)

    def index(self, phone: str) -> int | None:
        """Return the index of a phone number in any formatting, None for a foreign number."""
        return self._make.index(phone)

    def workspaces(self) -> list[Workspace]:
        """Return the workspaces of this seed, with their members."""
        return make_workspaces(self.seed)

    def workspace_id(self, index: int) -> str:
        """Return the id of the workspace in which an index is looked up."""
        return self._make.workspace_id(index)

    def context(self, index: int) -> Context:
        """Return a contact with its context. Raises IndexError for an index without a contact."""
        if not 0 <= index < self.contacts:
            raise IndexError(f"the dataset holds no contact {index}")
        return self._make(index)

    def contexts(self, start: int, stop: int) -> Iterator[Context]:
        """Return the contexts of start <= index < stop, made one at a time."""
        return map(self.context, range(start, stop))

    def answer(self, index: int) -> Answer:
        """Return the 200 body that a lookup of this index's phone number must give."""
        if index >= self.contacts:
            return not_found()
        return answer_to(self.context(index))

    def range_digest(self, start: int, stop: int) -> str:
        """Return the digest of the contacts start <= index < stop."""
        return range_digest((c["index"], contact_digest(c)) for c in self.contexts(start, stop))

    def digest(self) -> str:
        """Return the digest of the whole dataset. It takes as long as making all contexts."""
        return _digest(self.seed, self.contacts, self.locales)


def not_found() -> Answer:
    """Return the answer for a phone number without a contact."""
    return {
        "found": False,
        "contact": None,
        "notes": [],
        "last_interaction": None,
        "recent_messages": [],
    }


def answer_to(context: Context) -> Answer:
    """Return the answer for a contact that is there."""
    contact, conversation = context["contact"], context["conversation"]
    last = conversation["last_message_at"] if conversation else None
    return {
        "found": True,
        "contact": {
            "name": contact["name"],
            "kapso_name": contact["kapso_name"],
            "lead_status": contact["lead_status"],
            "lead_score": contact["lead_score"],
            "tags": list(contact["tags"]),
            "is_returning": last is not None,
            "first_contact_date": contact["first_contact_date"],
        },
        "notes": [note["content"] for note in context["notes"][: -NOTES_ANSWERED - 1 : -1]],
        "last_interaction": last,
        "recent_messages": [
            {
                "content": message["content"],
                "direction": message["direction"],
                "created_at": message["created_at"],
            }
            for message in context["messages"][: -MESSAGES_ANSWERED - 1 : -1]
        ],
    }


@functools.lru_cache(maxsize=8)
def _context_maker(seed: int, locales: tuple[str, ...]) -> ContextMaker:
    return ContextMaker(seed, load_pools(pools_file(locales)) if locales else load_pools())


@functools.lru_cache(maxsize=8)
def _digest(seed: int, contacts: int, locales: tuple[str, ...]) -> str:
    dataset = Dataset(seed, contacts, locales)
    return dataset_digest(dataset.range_digest(*bounds) for bounds in ranges(0, contacts))
