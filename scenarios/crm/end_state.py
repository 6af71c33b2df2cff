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
    from scenarios.crm.messages import MessageMaker
    from scenarios.crm.reconcile import WriteAccount
    from seeding.dataset.model import Context
    from seeding.stores import Store

MOST_MESSAGES = 3500
"""Of one contact. A function of Convex's reads no more rows than some thousands."""
_PHONES = 128
_DIGESTS = 1 << 17


def too_many(account: WriteAccount) -> set[int]:
    """Return the contacts with more messages than can be compared."""
    counts = Counter(drawn(account.attempted[number]) for number in account.stored)
    return {index for index, count in counts.items() if count > MOST_MESSAGES}


class EndState:
    """Compares stores with the contacts as a run must have left them."""

    def __init__(self, maker: MessageMaker) -> None:
        self._maker = maker
        # Both stores are held to the same, if they hold the same messages.
        self._digest = lru_cache(_DIGESTS)(self._made_digest)

    def difference(self, store: Store, account: WriteAccount, stop: StopSignal) -> str | None:
        """Return what differs first in the contacts that messages went to, None for nothing."""
        by_index = _keys_by_index(account)

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

    def _pages(self, indices: dict[int, Any]) -> Iterator[tuple[str, list[int]]]:
        of_workspace: dict[str, list[int]] = defaultdict(list)
        for index in sorted(indices):
            of_workspace[self._maker.dataset.workspace_id(index)].append(index)
        for workspace_id, all_ in of_workspace.items():
            rest = iter(all_)
            while page := list(itertools.islice(rest, _PHONES)):
                yield workspace_id, page

    def _made_digest(self, index: int, keys: tuple[int, ...]) -> str | None:
        context = self._after(index, keys)
        return context and state_digest(context)

    def _after(self, index: int, keys: tuple[int, ...]) -> Context | None:
        """Return a contact as its messages leave it; None of somebody new where there is none."""
        dataset, messages = self._maker.dataset, [self._maker(key) for key in keys]
        if index < dataset.contacts:
            return with_messages(dataset.context(index), messages)
        if not messages:
            return None
        return with_messages(new_contact(messages[0], dataset.workspace_id(index)), messages)

    def _explain(self, store: Store, index: int, keys: tuple[int, ...]) -> str:
        name = f"{store.name}: {name_contact(self._maker.dataset, index)}"
        if index >= self._maker.dataset.contacts:
            return f"{name} is not the contact that its messages make"
        found = store.contexts(index, index + 1)
        if not found:
            return f"{name} is missing"
        wanted = self._after(index, keys)
        difference = wanted and first_difference(predictable(wanted), predictable(found[0]))
        return f"{name}: {difference}" if difference else f"{name} changed while it was read"


def _keys_by_index(account: WriteAccount) -> dict[int, tuple[int, ...]]:
    """Return what is stored of each contact that something was sent to, in order."""
    left_out = too_many(account)
    found: dict[int, list[int]] = {
        drawn(key): [] for key in account.attempted.values() if drawn(key) not in left_out
    }
    for number in sorted(account.stored):
        key = account.attempted[number]
        if drawn(key) in found:
            found[drawn(key)].append(key)
    return {index: tuple(keys) for index, keys in found.items()}
