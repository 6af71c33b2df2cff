"""Remove seeded contacts, wherever they are, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.concurrency import for_each
from seeding.dataset.workspaces import make_workspaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dragstrip.concurrency import StopSignal
    from seeding.stores import Store


def remove_contacts(
    store: Store, start: int, stop: StopSignal, tell: Callable[[int], None] = lambda _: None
) -> int:
    """Remove all seeded contacts from index `start` on; return how many.

    It goes by what is stored, not by what anybody has noted. `tell` hears of every removal.
    """
    removed = 0
    for contacts in for_each(
        _stored_pages(store, start),
        lambda page: store.delete_contexts(*page),
        at_once=store.concurrency,
        stop=stop,
    ):
        removed += contacts
        tell(contacts)
    return removed


def remove_workspaces(store: Store, seeds: Iterable[int]) -> int:
    """Remove the workspaces of datasets of these seeds, unless somebody has a contact in them."""
    ids = [workspace["id"] for seed in sorted(seeds) for workspace in make_workspaces(seed)]
    return store.delete_workspaces(ids)


def _stored_pages(store: Store, start: int) -> Iterator[tuple[int, int]]:
    found = store.next_index(start)
    while found is not None:
        yield found, found + store.page
        found = store.next_index(found + store.page)
