"""What a backend must hold: the digests of a dataset, each computed once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from seeding.dataset import GENERATOR, Dataset
from seeding.digest import contact_digest, dataset_digest, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.model import Manifest


class Expected:
    """A dataset's digests. Stores that are compared side by side share them."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._ranges: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def beginning(self) -> Manifest:
        """What a backend says while it is being filled; it costs no digest."""
        return {
            "seed": self.dataset.seed,
            "contacts": self.dataset.contacts,
            "digest": "",
            "generator": GENERATOR,
            "state": "seeding",
        }

    @property
    def manifest(self) -> Manifest:
        """What a backend says that holds all of it; cheap once every range was asked for."""
        digests = self.ranges(0, self.dataset.contacts)
        return {
            **self.beginning,
            "digest": dataset_digest(digests.values()),
            "state": "complete",
        }

    def pages(self, width: int) -> Iterator[tuple[int, int]]:
        """Return the pages of so many contacts that cover the dataset, in order."""
        contacts = self.dataset.contacts
        for start in range(0, contacts, width):
            yield start, min(start + width, contacts)

    def ranges(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every aligned range in [start, stop) by its start."""
        return {first: self._range(first, last) for first, last in ranges(start, stop)}

    def contacts(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every contact in [start, stop) by its index."""
        return {c["index"]: contact_digest(c) for c in self.dataset.contexts(start, stop)}

    def _range(self, start: int, stop: int) -> str:
        # Only the last range can end elsewhere than at a multiple of 128, and it always ends there.
        # The lock keeps two stores from computing the same digest at the same time.
        with self._lock:
            if start not in self._ranges:
                self._ranges[start] = self.dataset.range_digest(start, stop)
            return self._ranges[start]
