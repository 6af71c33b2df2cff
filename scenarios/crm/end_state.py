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
            phones = {index: self._maker.dataset.phone(index) for index in indices}
            found = store.state_digests(workspace_id, list(phones.values()))
            return next(
                (i for i in indices if found.get(phones[i]) != self._digest(i, by_index[i])), None
            )

        differing = for_each(self._pages(by_index), compare, at_once=store.concurrency, stop=stop)
        for index in differing:
            if index is not None:
                differing.close()
                return self._explain(store, index, by_index[index])
        return None

    def _messages(self, account: Account) -> dict[int, list[InboundMessage]]:
        """Return what is stored of each contact that something was sent to."""
        left_out = too_many(account)
        found: dict[int, list[InboundMessage]] = {
            drawn(key): [] for key in account.attempted.values() if drawn(key) not in left_out
        }
        for number in account.stored:
            key = account.attempted[number]
            if drawn(key) in found:
                found[drawn(key)].append(self._maker(key))
        return found

    def _pages(self, indices: dict[int, Any]) -> Iterator[tuple[str, list[int]]]:
        of_workspace: dict[str, list[int]] = defaultdict(list)
        for index in sorted(indices):
            of_workspace[self._maker.dataset.workspace_id(index)].append(index)
        for workspace_id, all_ in of_workspace.items():
            rest = iter(all_)
            while page := list(itertools.islice(rest, _PHONES)):
                yield workspace_id, page

    def _digest(self, index: int, messages: list[InboundMessage]) -> str | None:
        context = self._after(index, messages)
        return context and state_digest(context)

    def _after(self, index: int, messages: list[InboundMessage]) -> Context | None:
        """Return a contact as the messages leave it; None of somebody new where there is none."""
        dataset = self._maker.dataset
        if index < dataset.contacts:
            return with_messages(self._seeded(index), messages)
        if not messages:
            return None
        return with_messages(new_contact(messages[0], dataset.workspace_id(index)), messages)

    def _explain(self, store: Store, index: int, messages: list[InboundMessage]) -> str:
        name = f"{store.name}: {name_contact(self._maker.dataset, index)}"
        if index >= self._maker.dataset.contacts:
            return f"{name} is not the contact that its messages make"
        found = store.contexts(index, index + 1)
        if not found:
            return f"{name} is missing"
        wanted = with_messages(self._seeded(index), messages)
        difference = first_difference(predictable(wanted), predictable(found[0]))
        return f"{name}: {difference}" if difference else f"{name} changed while it was read"
