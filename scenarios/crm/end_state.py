"""What a run's messages made of the contacts: the dataset and the messages predict all of it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dragstrip.concurrency import for_each
from dragstrip.scenario.json_diff import first_difference
from dragstrip.scenario.numbered import drawn
from scenarios.crm.messages import new_contact, with_messages
from seeding.dataset.digest import predictable, state_digest
from seeding.diff import name_contact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.concurrency import StopSignal
    from scenarios.crm.messages import InboundMessage, MessageMaker
    from scenarios.crm.reconcile import Account
    from seeding.dataset.model import Context
    from seeding.stores import Store

MOST_MESSAGES = 3500
"""Of one contact. A function of Convex's reads no more rows than some thousands."""
_PHONES = 128
_CONTEXTS = 65_536


def too_many(account: Account) -> set[int]:
    """Return the contacts with more messages than can be compared."""
    counts = Counter(drawn(account.attempted[number]) for number in account.stored)
    return {index for index, count in counts.items() if count > MOST_MESSAGES}


class EndState:
    """Compares stores with the contacts as a run must have left them."""

    def __init__(self, maker: MessageMaker) -> None:
        self._maker = maker
        self._seeded = lru_cache(_CONTEXTS)(maker.dataset.context)

    def difference(self, store: Store, account: Account, stop: StopSignal) -> str | None:
        """Return what differs first in the contacts that messages went to, None for nothing."""
        by_index = self._messages(account)

        def compare(page: tuple[str, list[int]]) -> int | None:
            workspace_id, indices = page
            wanted = {index: self._after(index, by_index[index]) for index in indices}
            phones = {index: self._maker.dataset.phone(index) for index in indices}
            found = store.state_digests(workspace_id, list(phones.values()))
            return next(
                (i for i in indices if found.get(phones[i]) != state_digest(wanted[i])), None
            )

        differing = for_each(self._pages(by_index), compare, at_once=store.concurrency, stop=stop)
        for index in differing:
            if index is not None:
                differing.close()
                return self._explain(store, index, by_index[index])
        return None

    def _messages(self, account: Account) -> dict[int, list[InboundMessage]]:
        left_out = too_many(account)
        found: dict[int, list[InboundMessage]] = defaultdict(list)
        for number in account.stored:
            message = self._maker(account.attempted[number])
            if message.index not in left_out:
                found[message.index].append(message)
        return found

    def _pages(self, indices: dict[int, Any]) -> Iterator[tuple[str, list[int]]]:
        of_workspace: dict[str, list[int]] = defaultdict(list)
        for index in sorted(indices):
            of_workspace[self._maker.dataset.workspace_id(index)].append(index)
        for workspace_id, all_ in of_workspace.items():
            rest = iter(all_)
            while page := list(itertools.islice(rest, _PHONES)):
                yield workspace_id, page

    def _after(self, index: int, messages: list[InboundMessage]) -> Context:
        dataset = self._maker.dataset
        if index < dataset.contacts:
            base = self._seeded(index)
        else:
            base = new_contact(messages[0], dataset.workspace_id(index))
        return with_messages(base, messages)

    def _explain(self, store: Store, index: int, messages: list[InboundMessage]) -> str:
        name = f"{store.name}: {name_contact(self._maker.dataset, index)}"
        if index >= self._maker.dataset.contacts:
            return f"{name} is not the contact that its messages make"
        found = store.contexts(index, index + 1)
        if not found:
            return f"{name} is missing"
        wanted = predictable(self._after(index, messages))
        difference = first_difference(wanted, predictable(found[0]))
        return f"{name}: {difference}" if difference else f"{name} changed while it was read"
