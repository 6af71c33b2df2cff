"""Fill every backend with the dataset, from whatever is there already.

A store's manifest says "seeding" before the first row is written and "complete" once the digests
of all that is stored are right. What to write follows from the digests alone, so an interrupted
run, a grown dataset and a damaged row are one and the same case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.concurrency import StopSignal, all_of
from seeding.dataset.dataset import Dataset
from seeding.expected_digests import Expected
from seeding.generator_pool import maker_of
from seeding.leftovers import PREFIX
from seeding.manifest import obstacle, surplus, unknown_dataset
from seeding.progress import Silent
from seeding.remove import remove_contacts, remove_workspaces
from seeding.stores import open_stores
from seeding.sync import Filled, Filler

if TYPE_CHECKING:
    from dragstrip.config.config import Config
    from seeding.dataset.model import Manifest
    from seeding.manifest import Obstacle
    from seeding.progress import Reporter
    from seeding.stores import Store


@dataclass(frozen=True, slots=True)
class Seeded:
    """What every store holds now, and what it took."""

    manifest: Manifest
    stores: list[Filled]


@dataclass(frozen=True, slots=True)
class Removed:
    """What `reset` removed from one store."""

    store: str
    contacts: int
    workspaces: int


def seed(
    config: Config,
    reporter: Reporter | None = None,
    *,
    replace: bool = False,
    processes: int = 1,
) -> Seeded:
    """Make every backend behind the targets hold the configured dataset.

    With `replace`, seeded contacts that are not of it are removed first. Raises ConfigError or
    BackendError; before anything is written if a backend is unreachable, refuses the key, or was
    seeded with other contacts that must not be replaced.
    """
    dataset = Dataset.of(config.dataset)
    stop = StopSignal()
    with maker_of(dataset, processes) as maker, open_stores(config) as stores:
        stop.wakers = [store.stop for store in stores]
        expected = Expected(dataset, maker)
        found = all_of(stores, lambda store: _examine(store, expected), stop)
        for store, (_, in_the_way) in zip(stores, found, strict=True):
            if in_the_way and not replace:
                raise in_the_way.error(store.name)
        fillers = [
            Filler(store, expected, *state, reporter or Silent(), stop)
            for store, state in zip(stores, found, strict=True)
        ]
        # A race that was interrupted has left them; what they changed is repaired below.
        all_of(stores, lambda store: store.remove_messages(PREFIX), stop)
        filled = all_of(fillers, Filler.fill, stop)
        return Seeded(expected.manifest, filled)


def reset(config: Config, reporter: Reporter | None = None) -> list[Removed]:
    """Remove what was seeded, and nothing else, from every backend behind the targets.

    Rows of others stay, and so does a workspace in which they have a contact. Raises ConfigError
    or BackendError.
    """
    stop = StopSignal()
    with open_stores(config) as stores:
        stop.wakers = [store.stop for store in stores]
        return all_of(stores, lambda store: _empty(store, config, reporter or Silent(), stop), stop)


def _examine(store: Store, expected: Expected) -> tuple[Manifest | None, Obstacle | None]:
    """Return a store's manifest, and what has to go before it can be filled."""
    manifest = store.read_manifest()
    in_the_way = obstacle(manifest, expected.beginning)
    if in_the_way is None and store.next_index(expected.dataset.contacts) is not None:
        in_the_way = surplus(expected.dataset.contacts)
    if manifest is None and (unknown := _of_unknown_dataset(store, expected.dataset)):
        in_the_way = unknown
    return manifest, in_the_way


def _of_unknown_dataset(store: Store, dataset: Dataset) -> Obstacle | None:
    """Without a manifest, the first contact says whose the others are."""
    first = store.next_index(0)
    if first is None:
        return None
    found = store.contexts(first, first + 1)
    known = Dataset(dataset.seed, first + 1, dataset.locales).context(first)["contact"]["id"]
    return None if not found or found[0]["contact"]["id"] == known else unknown_dataset(first)


def _empty(store: Store, config: Config, reporter: Reporter, stop: StopSignal) -> Removed:
    manifest = store.read_manifest()
    seeds, contacts = {config.dataset.seed}, None
    if manifest is not None:
        seeds.add(manifest["seed"])
        contacts = manifest["contacts"]
        # It goes last of all, so that an interrupted reset is told from one that never began.
        store.write_manifest({**manifest, "state": "seeding"})
    store.remove_messages(PREFIX)
    reporter.start(store.name, contacts, "remove")
    removed = remove_contacts(
        store, 0, stop, lambda contacts: reporter.advance(store.name, contacts)
    )
    workspaces = remove_workspaces(store, seeds)
    store.delete_manifest()
    return Removed(store.name, removed, workspaces)
