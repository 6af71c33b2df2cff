"""What a race wrote and did not remove: messages with ids of dragstrip's own, in every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.concurrency import StopSignal, all_of
from seeding.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dragstrip.config.config import Config
    from seeding.dataset.dataset import Dataset
    from seeding.stores import Store

PREFIX = "wamid.dragstrip."
"""The ids of messages that a race sends begin so."""

_AT_ONCE = 256
_GAP = 8


def remove_leftovers(config: Config) -> int:
    """Remove what earlier races wrote, from every backend; return how many messages it was.

    What they did to seeded contacts stays, until they are seeded again. Raises ConfigError or
    BackendError.
    """
    stop = StopSignal()
    with open_stores(config) as stores:
        stop.wakers = [store.stop for store in stores]
        return sum(all_of(stores, lambda store: store.remove_messages(PREFIX), stop))


def remove_run(store: Store, prefix: str, dataset: Dataset, indices: Iterable[int]) -> None:
    """Remove the messages with ids of a prefix, and write contacts anew as they were seeded.

    `indices` are those that the messages went to. Meanwhile the manifest says "seeding": what is
    interrupted here is finished by the next seed. Raises BackendError.
    """
    manifest = store.read_manifest()
    if manifest is not None:
        store.write_manifest({**manifest, "state": "seeding"})
    store.remove_messages(prefix)
    for start, stop in _stretches(sorted(indices)):
        store.delete_contexts(start, stop)
        store.write(store.encode(dataset.contexts(start, stop)))
    if manifest is not None:
        store.write_manifest(manifest)


def _stretches(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Yield stretches that hold the indices; a few more cost less than a call for each."""
    start, stop = indices[0] if indices else 0, 0
    for index in indices:
        if index - stop > _GAP or index - start >= _AT_ONCE:
            if stop > start:
                yield start, stop
            start = index
        stop = index + 1
    if stop > start:
        yield start, stop
