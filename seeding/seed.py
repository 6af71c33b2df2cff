"""Fill every backend with the dataset, from whatever is there already.

A store's manifest says "seeding" before the first row is written and "complete" once the digests
of all that is stored are right. What to write follows from the digests alone, so an interrupted
run, a grown dataset and a damaged row are one and the same case.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from dragstrip.errors import BackendError
from seeding.dataset import Dataset
from seeding.digest import ranges
from seeding.expected import Expected
from seeding.manifests import require_growable
from seeding.progress import Silent
from seeding.side_by_side import Stop, all_of, for_each
from seeding.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dragstrip.config import Config
    from seeding.model import Manifest
    from seeding.progress import Reporter
    from seeding.stores import Store

Page = tuple[int, int]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Filled:
    """What seeding did to one store. `written` counts contacts."""

    store: str
    written: int
    unchanged: int
    seconds: float


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


def seed(config: Config, reporter: Reporter | None = None) -> Seeded:
    """Make every backend behind the targets hold the configured dataset.

    Raises ConfigError or BackendError; before anything is written if a backend is unreachable,
    refuses the key, or was seeded with other contacts.
    """
    expected = Expected(Dataset(config.dataset.seed, config.dataset.contacts))
    stop = Stop()
    with open_stores(config) as stores:
        manifests = all_of(stores, lambda store: store.read_manifest(), stop)
        for store, manifest in zip(stores, manifests, strict=True):
            require_growable(store.name, manifest, expected.beginning)
        fillers = [
            _Filler(store, manifest, expected, reporter or Silent(), stop)
            for store, manifest in zip(stores, manifests, strict=True)
        ]
        return Seeded(expected.manifest, all_of(fillers, _Filler.fill, stop))


def reset(config: Config) -> list[Removed]:
    """Remove what was seeded, and nothing else, from every backend behind the targets.

    Rows of others stay, and so does a workspace in which they have a contact. Raises ConfigError
    or BackendError.
    """
    stop = Stop()
    with open_stores(config) as stores:
        manifests = all_of(stores, lambda store: store.read_manifest(), stop)
        pairs = list(zip(stores, manifests, strict=True))
        return all_of(pairs, lambda pair: _empty(*pair, config, stop), stop)


class _Filler:
    """Brings one store to what is expected."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest | None,
        expected: Expected,
        reporter: Reporter,
        stop: Stop,
    ) -> None:
        self._store = store
        self._manifest = manifest
        self._expected = expected
        self._reporter = reporter
        self._stop = stop

    def fill(self) -> Filled:
        """Write what is missing or wrong, and say so in the manifest once all is right."""
        began = time.monotonic()
        contacts = self._expected.dataset.contacts
        self._reporter.start(self._store.name, contacts)
        self._require_no_more()
        pages = list(self._pages_to_mend())
        written = 0
        if pages or self._manifest != self._expected.manifest:
            self._store.write_manifest(self._expected.beginning)
            self._store.write_workspaces(self._expected.dataset.workspaces())
            for page, mended in self._for_each(pages, self._mend):
                written += mended
                self._advance(page)
            self._store.write_manifest(self._expected.manifest)
        seconds = time.monotonic() - began
        return Filled(self._store.name, written, contacts - written, seconds)

    def _pages_to_mend(self) -> Iterator[Page]:
        """Yield all pages, or the wrong ones of a store that claims to be complete."""
        wanted: Manifest = {**self._expected.beginning, "state": "complete"}
        if self._manifest is None or {**self._manifest, "digest": ""} != wanted:
            yield from self._expected.pages(self._store.page)
            return
        for page, wrong in self._for_each(
            self._expected.pages(self._store.page), self._wrong_ranges
        ):
            if wrong:
                yield page
            else:
                self._advance(page)

    def _mend(self, page: Page) -> int:
        """Make one page right and return how many contacts were written."""
        wrong = self._wrong_ranges(page)
        written = sum(self._mend_range(*bounds) for bounds in wrong)
        if wrong and (still := self._wrong_ranges(page)):
            start, stop = still[0]
            raise BackendError(
                f"{self._store.name}: contacts {start} to {stop - 1} are not what was written",
                fix="let nothing else write to seeded contacts meanwhile, and seed again",
            )
        return written

    def _wrong_ranges(self, page: Page) -> list[Page]:
        stored = {r.start: r.digest for r in self._store.range_digests(*page)}
        wanted = self._expected.ranges(*page)
        return [bounds for bounds in ranges(*page) if stored.get(bounds[0]) != wanted[bounds[0]]]

    def _mend_range(self, start: int, stop: int) -> int:
        stored = self._store.contact_digests(start, stop)
        wanted = self._expected.contacts(start, stop)
        wrong = [index for index in range(start, stop) if stored.get(index) != wanted[index]]
        # Removed before it is written anew: that takes along what should not hang on it.
        for run in _runs(index for index in wrong if index in stored):
            self._store.delete_contexts(*run)
        self._store.write(self._store.encode(map(self._expected.dataset.context, wrong)))
        return len(wrong)

    def _require_no_more(self) -> None:
        last = self._expected.dataset.contacts
        if self._store.count(last, last + self._store.page):
            raise BackendError(
                f"{self._store.name} holds seeded contacts beyond number {last - 1}, the last of "
                "this dataset",
                fix="run `dragstrip seed --reset` with the dataset.contacts it was seeded with",
            )

    def _for_each(
        self, pages: Iterable[Page], work: Callable[[Page], R]
    ) -> Iterator[tuple[Page, R]]:
        return for_each(
            pages,
            lambda page: (page, work(page)),
            at_once=self._store.concurrency,
            stop=self._stop,
        )

    def _advance(self, page: Page) -> None:
        self._reporter.advance(self._store.name, page[1] - page[0])


def _empty(store: Store, manifest: Manifest | None, config: Config, stop: Stop) -> Removed:
    seeds, contacts = {config.dataset.seed}, config.dataset.contacts
    if manifest is not None:
        seeds.add(manifest["seed"])
        contacts = max(contacts, manifest["contacts"])
        # It goes last of all, so that an interrupted reset still knows how far to go.
        store.write_manifest({**manifest, "state": "seeding"})
    removed = sum(
        for_each(
            Expected(Dataset(config.dataset.seed, contacts)).pages(store.page),
            lambda page: store.delete_contexts(*page),
            at_once=store.concurrency,
            stop=stop,
        )
    )
    ids = [workspace["id"] for seed in sorted(seeds) for workspace in Dataset(seed, 0).workspaces()]
    workspaces = store.delete_workspaces(ids)
    store.delete_manifest()
    return Removed(store.name, removed, workspaces)


def _runs(indices: Iterable[int]) -> Iterator[Page]:
    """Yield the stretches of consecutive indices."""
    for _, group in itertools.groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        yield run[0], run[-1] + 1
