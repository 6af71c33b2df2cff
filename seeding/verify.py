"""Prove that every backend holds the dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.concurrency import StopSignal, all_of, for_each
from dragstrip.errors import DataDiffers
from seeding.dataset.dataset import Dataset
from seeding.dataset.sampling import count_ranges, pages_of, sampled_ranges
from seeding.diff import FIX, explain, explain_workspaces, stored_digests, wrong_ranges
from seeding.expected_digests import Expected
from seeding.generator_pool import maker_of
from seeding.manifest import require_complete
from seeding.progress import Silent
from seeding.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dragstrip.config.config import Config
    from seeding.dataset.model import Manifest
    from seeding.diff import Page
    from seeding.progress import Reporter
    from seeding.stores import Store


@dataclass(frozen=True, slots=True)
class DataProof:
    """What was compared with what is stored.

    Every one of `stores` says that it holds what `manifest` says, and in `compared` of its
    `ranges` it does, by the digests of what it has stored.
    """

    manifest: Manifest
    stores: list[str]
    compared: int
    ranges: int

    @property
    def words(self) -> str:
        """Return how much was compared."""
        if self.compared == self.ranges:
            return "every range"
        return f"{self.compared:,} of {self.ranges:,} ranges"


def check_data(
    config: Config,
    *,
    full: bool = False,
    processes: int = 1,
    reporter: Reporter | None = None,
) -> DataProof:
    """Compare what every backend has stored with the dataset, by its digests.

    All of it if that is little or `full` is asked for; else a spread of ranges that depends on the
    dataset alone. Raises DataDiffers naming the first contact and field that differ in each
    backend, BackendError for one that is unreachable, refuses the key, or is not (or differently,
    or half) seeded.
    """
    dataset = Dataset.of(config.dataset)
    stop = StopSignal()
    with maker_of(dataset, processes) as maker, open_stores(config) as stores:
        stop.wakers = [store.stop for store in stores]
        expected = Expected(dataset, maker)
        manifests = all_of(stores, lambda store: store.read_manifest(), stop)
        for store, manifest in zip(stores, manifests, strict=True):
            require_complete(store.name, manifest, expected.beginning)
        chosen = None if full else sampled_ranges(dataset)
        checks = [_Check(store, expected, chosen, reporter or Silent(), stop) for store in stores]
        _require_none(all_of(checks, _Check.difference, stop))
        whole = chosen is None or len(chosen) == count_ranges(dataset)
        # Without all digests, the manifests can be held to each other only.
        wanted = expected.manifest if whole else manifests[0]
        for store, manifest in zip(stores, manifests, strict=True):
            if manifest != wanted:
                raise DataDiffers(
                    f"{store.name}: the manifest's digest is not that of the data", fix=FIX
                )
        ranges = count_ranges(dataset)
        names = [store.name for store in stores]
        assert wanted is not None  # noqa: S101
        return DataProof(wanted, names, ranges if chosen is None else len(chosen), ranges)


class _Check:
    """Compares one store with what is expected, up to the first difference."""

    def __init__(
        self,
        store: Store,
        expected: Expected,
        chosen: list[Page] | None,
        reporter: Reporter,
        stop: StopSignal,
    ) -> None:
        self._store = store
        self._expected = expected
        self._chosen = chosen
        self._reporter = reporter
        self._stop = stop

    def difference(self) -> tuple[str, str] | None:
        """Return what differs first, and a fix; None if nothing does."""
        contacts = self._expected.dataset.contacts
        chosen = self._chosen
        self._reporter.start(
            self._store.name,
            contacts if chosen is None else sum(stop - start for start, stop in chosen),
            "verify",
        )
        compared = for_each(
            self._pages(), self._compare, at_once=self._store.concurrency, stop=self._stop
        )
        for page, wrong in compared:
            if wrong:
                compared.close()
                return explain(self._store, self._expected, wrong[0])
            self._reporter.advance(self._store.name, page[1] - page[0])
        return self._beyond() or explain_workspaces(self._store, self._expected.dataset)

    def _pages(self) -> Iterator[Page]:
        if self._chosen is None:
            return self._expected.pages(self._store.page)
        return pages_of(self._chosen, self._store.page)

    def _compare(self, page: Page) -> tuple[Page, list[Page]]:
        return page, wrong_ranges(self._expected, page, stored_digests(self._store, page))

    def _beyond(self) -> tuple[str, str] | None:
        contacts = self._expected.dataset.contacts
        beyond = self._store.next_index(contacts)
        if beyond is None:
            return None
        words = (
            f"{self._store.name} holds seeded contacts beyond the {contacts} of this dataset, "
            f"number {beyond} the first"
        )
        return words, ("run `dragstrip seed --replace`: it removes what is not of this dataset")


def _require_none(differences: Iterable[tuple[str, str] | None]) -> None:
    found = [difference for difference in differences if difference is not None]
    if found:
        words = "; ".join(words for words, _ in found)
        fixes = dict.fromkeys(fix for _, fix in found)
        raise DataDiffers(words, fix="; ".join(fixes))
