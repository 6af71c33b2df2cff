"""A run's messages as a test makes them: their keys, and stores that hold what they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.scenario.numbered import compose
from scenarios.crm.messages import MessageMaker, new_contact, with_messages
from seeding.dataset.dataset import Dataset
from tests.unit.seeding.memory_store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenarios.crm.messages import InboundMessage

DATASET = Dataset(42, 20)
RUN = "20250102T030405Z-abcd"
MAKER = MessageMaker(DATASET, RUN)


def key_of(number: int, contacts: int = DATASET.contacts + 3) -> int:
    """Return the key of a message, to one of the contacts or of a few new senders."""
    key: int = compose(number, number * 7 % contacts)
    return key


def store_with(messages: Iterable[InboundMessage], name: str = "Convex") -> MemoryStore:
    """Return a store with the dataset and these messages, each as often as it is given."""
    store = MemoryStore(name)
    store.write_workspaces(DATASET.workspaces())
    store.write(list(DATASET.contexts(0, DATASET.contacts)))
    for message in messages:
        receive(store, message)
    return store


def receive(store: MemoryStore, message: InboundMessage) -> None:
    """Store a message as the contract has it, but for its id, which is not looked at."""
    if message.index in store.rows:
        store.rows[message.index] = with_messages(store.rows[message.index], [message])
        return
    found = next((c for c in store.others if c["contact"]["phone"] == message.phone), None)
    if found is not None:
        store.others.remove(found)
    base = found or new_contact(message, DATASET.workspace_id(message.index))
    store.others.append(with_messages(base, [message]))
