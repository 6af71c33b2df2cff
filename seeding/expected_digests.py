"""What a backend must hold: the digests of a dataset's ranges, each computed once.

They take 32 bytes for each 128 contacts: 25 MB for a hundred million.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from seeding.dataset.digest import RANGE, contact_digest, dataset_digest, ranges
from seeding.generator_pool import maker_here, maker_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seeding.dataset.dataset import Dataset
    from seeding.dataset.model import Manifest
    from seeding.generator_pool import Maker, Making

_SIZE = 32
_BLOCK = 16 * RANGE
_AHEAD = 16


class Expected:
    """A dataset's digests. Stores that are compared side by side share them.

    Without a maker, contacts are made in the threads that ask for them.
    """

    def __init__(self, dataset: Dataset, maker: Maker | None = None) -> None:
        self.dataset = dataset
        self.maker = maker or maker_here(dataset)
        count = -(-dataset.contacts // RANGE)
        self._digests = bytearray(count * _SIZE)
        self._known = bytearray(count)
        self._underway: dict[int, _Work] = {}
        self._lock = threading.Lock()

    @property
    def beginning(self) -> Manifest:
        """What a backend says while it is being filled; it costs no digest."""
        return {
            "seed": self.dataset.seed,
            "contacts": self.dataset.contacts,
            "digest": "",
            "generator": self.dataset.generator,
            "state": "seeding",
        }

    @property
    def manifest(self) -> Manifest:
        """What a backend says that holds all of it; cheap once every range is known."""
        return {**self.beginning, "digest": self.digest(), "state": "complete"}

    def pages(self, width: int) -> Iterator[tuple[int, int]]:
        """Return the pages of so many contacts that cover the dataset, in order."""
        contacts = self.dataset.contacts
        for start in range(0, contacts, width):
            yield start, min(start + width, contacts)

    def learn(self, start: int, digests: bytes) -> None:
        """Keep the digests of the ranges from `start` on, 32 bytes each."""
        first, count = start // RANGE, len(digests) // _SIZE
        with self._lock:
            self._digests[first * _SIZE : (first + count) * _SIZE] = digests
            self._known[first : first + count] = b"\1" * count
            for n in range(first, first + count):
                self._underway.pop(n * RANGE, None)

    def ranges(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every aligned range in [start, stop) by its start."""
        for work in self._begin(start, stop):
            work.finish()
        return {first: self._digest(first) for first, _ in ranges(start, stop)}

    def contacts(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every contact in [start, stop) by its index."""
        return {c["index"]: contact_digest(c) for c in self.dataset.contexts(start, stop)}

    def digest(self) -> str:
        """Return the digest of the whole dataset. It costs what is not known yet."""
        ahead: deque[Iterable[_Work]] = deque()
        for page in self.pages(_BLOCK):
            # Begun some way ahead, so that every process has something to do.
            ahead.append(self._begin(*page))
            if len(ahead) > _AHEAD:
                _finish(ahead.popleft())
        while ahead:
            _finish(ahead.popleft())
        return dataset_digest(self._digest(first) for first, _ in self.pages(RANGE))

    def _digest(self, start: int) -> str:
        at = start // RANGE * _SIZE
        return self._digests[at : at + _SIZE].hex()

    def _begin(self, start: int, stop: int) -> list[_Work]:
        """Return all work that has to be finished before these digests are known."""
        works: list[_Work] = []
        with self._lock:
            mine: list[tuple[int, int]] = []
            for first, last in ranges(start, stop):
                if self._known[first // RANGE]:
                    continue
                if first in self._underway:
                    works.append(self._underway[first])
                elif mine and mine[-1][1] == first:
                    mine[-1] = (mine[-1][0], last)
                else:
                    mine.append((first, last))
            for stretch in mine:
                work = _Work(self, stretch)
                works.append(work)
                self._underway.update({first: work for first, _ in ranges(*stretch)})
        return works


class _Work:
    """Digests that are being made. The first caller finishes them, the others wait."""

    def __init__(self, expected: Expected, stretch: tuple[int, int]) -> None:
        self._expected = expected
        self._stretch = stretch
        self._making: Making | None = expected.maker.make(range(*stretch), digests=True)
        self._lock = threading.Lock()

    def finish(self) -> None:
        with self._lock:
            if self._making is None:
                return
            self._expected.learn(self._stretch[0], self._making.result().digests)
            self._making = None


def _finish(works: Iterable[_Work]) -> None:
    for work in works:
        work.finish()


def digest_of(dataset: Dataset, *, processes: int = 1) -> str:
    """Return the digest of a dataset, made by so many processes, in bounded memory."""
    with maker_of(dataset, processes) as maker:
        return Expected(dataset, maker).digest()
