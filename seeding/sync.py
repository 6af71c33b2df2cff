"""Bring one store to what is expected of it, from whatever is there."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dragstrip.concurrency import for_each
from dragstrip.errors import BackendError
from seeding.diff import explain_workspaces, stored_digests, wrong_ranges
from seeding.remove import remove_contacts, remove_workspaces
from seeding.stores.parts import Parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dragstrip.concurrency import StopSignal
    from seeding.dataset.model import Manifest
    from seeding.expected_digests import Expected
    from seeding.generator_pool import Making
    from seeding.manifest import Obstacle
    from seeding.progress import Reporter
    from seeding.stores import Store

Page = tuple[int, int]

_LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What seeding did to one store, in contacts; `removed` were not of this dataset."""

    store: str
    written: int
    unchanged: int
    removed: int
    seconds: float


class Filler:
    """Fills one store. `manifest` and `obstacle` are what was found in it."""

    def __init__(
        self,
        store: Store,
        expected: Expected,
        manifest: Manifest | None,
        obstacle: Obstacle | None,
        reporter: Reporter,
        stop: StopSignal,
    ) -> None:
        self._store = store
        self._expected = expected
        self._found = manifest
        self._obstacle = obstacle
        self._reporter = reporter
        self._stop = stop
        self._parts = Parts()
        # While a store is being filled, its manifest has the mark of who does it for a digest.
        self._mark: Manifest = {**expected.beginning, "digest": f"writer {secrets.token_hex(8)}"}

    def fill(self) -> Filled:
        """Write what is missing or wrong, and say so in the manifest once all is right."""
        began = time.monotonic()
        contacts = self._expected.dataset.contacts
        removed = self._make_room()
        self._reporter.start(self._store.name, contacts, "seed")
        written = self._mend_complete() if self._claims_all() else self._fill_all()
        seconds = time.monotonic() - began
        return Filled(self._store.name, written, contacts - written, removed, seconds)

    def _make_room(self) -> int:
        """Remove what is not of this dataset.

        The manifest stays the old one until that is done: a run interrupted here is told
        to replace again.
        """
        if self._obstacle is None:
            return 0
        start, found = self._obstacle.start, self._found
        if found is not None:
            self._store.write_manifest({**found, "state": "seeding"})
        claimed = found["contacts"] - start if found is not None else 0
        self._reporter.start(self._store.name, claimed if claimed > 0 else None, "remove")
        removed = remove_contacts(
            self._store,
            start,
            self._stop,
            lambda contacts: self._reporter.advance(self._store.name, contacts),
        )
        if found is not None and found["seed"] != self._expected.dataset.seed:
            remove_workspaces(self._store, [found["seed"]])
        self._found = None
        return removed

    def _claims_all(self) -> bool:
        wanted: Manifest = {**self._expected.beginning, "state": "complete"}
        return self._found is not None and {**self._found, "digest": ""} == wanted

    def _mend_complete(self) -> int:
        """Look at everything first: a store in which all is right is not written to."""
        wrong = []
        pages = self._expected.pages(self._store.page)
        for page, is_wrong in for_each(
            pages,
            lambda page: (page, bool(self._wrong_ranges(page))),
            at_once=self._store.concurrency,
            stop=self._stop,
        ):
            if is_wrong:
                wrong.append(page)
            else:
                self._advance(page, 0)
        if wrong or self._found != self._expected.manifest or self._workspaces_differ():
            return self._write(wrong, _Gap(self._store, until=0))
        return 0

    def _fill_all(self) -> int:
        return self._write(self._expected.pages(self._store.page), _Gap.ahead_of(self._store))

    def _write(self, pages: Iterable[Page], gap: _Gap) -> int:
        """Make these pages right between the two manifests; return how many were written."""
        self._store.write_manifest(self._mark)
        self._store.write_workspaces(self._expected.dataset.workspaces())
        written, looked = 0, time.monotonic()
        # Pages where nothing is stored are made some way ahead, for other processes to do it.
        planned = ((page, self._make(page) if gap.covers(page) else None) for page in pages)
        for page, repaired in for_each(
            planned,
            lambda plan: (plan[0], self._put(*plan, gap)),
            at_once=self._store.concurrency,
            stop=self._stop,
        ):
            written += repaired
            self._advance(page, repaired)
            if time.monotonic() - looked >= _LOOK_EVERY_S:
                self._require_alone()
                looked = time.monotonic()
        if explained := explain_workspaces(self._store, self._expected.dataset):
            raise BackendError(
                f"{explained[0]}, though it was written",
                fix="let nothing else write to seeded workspaces meanwhile, and seed again",
            )
        self._require_alone()
        self._store.write_manifest(self._expected.manifest)
        return written

    def _put(self, page: Page, making: Making | None, gap: _Gap) -> int:
        """Make one page right and return how many contacts were written."""
        if making is None:
            if stored := stored_digests(self._store, page):
                return self._mend(page, wrong_ranges(self._expected, page, stored))
            gap.extend_beyond(page)
            making = self._make(page)
        made = making.result()
        self._expected.learn(page[0], made.digests)
        self._stop.check()
        self._write_in_parts(range(*page), made.batch)
        self._require_right(page)
        return page[1] - page[0]

    def _write_in_parts(self, indices: Sequence[int], whole: Any = None) -> None:
        """Write these contacts, as many at once as the store takes; `whole` are all, encoded."""

        def write(start: int, stop: int) -> None:
            part = indices[start:stop]
            is_whole = whole is not None and len(part) == len(indices)
            self._store.write(whole if is_whole else self._encoded(part))

        for _ in self._parts.each(write, 0, len(indices)):
            self._stop.check()

    def _encoded(self, indices: Sequence[int]) -> Any:
        return self._expected.maker.make(indices, self._store.encode).result().batch

    def _make(self, page: Page) -> Making:
        return self._expected.maker.make(range(*page), self._store.encode, digests=True)

    def _mend(self, page: Page, ranges: list[Page]) -> int:
        if not ranges:
            return 0
        wrong = [index for stretch in _joined(ranges) for index in self._clear(stretch)]
        self._write_in_parts(wrong)
        self._require_right(page)
        return len(wrong)

    def _clear(self, stretch: Page) -> list[int]:
        """Remove what is wrong in a stretch, and return the indices to write."""
        stored = self._store.contact_digests(*stretch)
        wanted = self._expected.contacts(*stretch)
        wrong = [index for index in range(*stretch) if stored.get(index) != wanted[index]]
        # Removed before it is written anew: that takes along what should not hang on it.
        for run in _runs(index for index in wrong if index in stored):
            self._store.delete_contexts(*run)
        return wrong

    def _wrong_ranges(self, page: Page) -> list[Page]:
        return wrong_ranges(self._expected, page, stored_digests(self._store, page))

    def _workspaces_differ(self) -> bool:
        return explain_workspaces(self._store, self._expected.dataset) is not None

    def _require_right(self, page: Page) -> None:
        if wrong := self._wrong_ranges(page):
            start, stop = wrong[0]
            raise BackendError(
                f"{self._store.name}: contacts {start} to {stop - 1} are not what was written",
                fix="let nothing else write to seeded contacts meanwhile, and seed again",
            )

    def _require_alone(self) -> None:
        if self._store.read_manifest() != self._mark:
            raise BackendError(
                f"{self._store.name}: another `dragstrip seed` has begun on it; this one stops",
                fix="let one of them finish, then run this one again",
            )

    def _advance(self, page: Page, written: int) -> None:
        self._reporter.advance(self._store.name, page[1] - page[0], found=not written)


class _Gap:
    """How far ahead nothing is stored, as seen by a caller that takes the pages in order."""

    def __init__(self, store: Store, until: int | None) -> None:
        self._store = store
        self._until = until
        self._lock = threading.Lock()

    @classmethod
    def ahead_of(cls, store: Store) -> _Gap:
        """Return the gap before the first contact that is stored."""
        return cls(store, store.next_index(0))

    def covers(self, page: Page) -> bool:
        """Whether nothing is known to be stored in a page."""
        with self._lock:
            return self._until is None or page[1] <= self._until

    def extend_beyond(self, page: Page) -> None:
        """Look how far the gap goes on after a page that held nothing."""
        until = self._store.next_index(page[1])
        with self._lock:
            if self._until is not None and (until is None or until > self._until):
                self._until = until


def _joined(ranges: Iterable[Page]) -> Iterator[Page]:
    """Yield stretches of adjoining ranges."""
    start = stop = -1
    for first, last in ranges:
        if first != stop:
            if stop > start:
                yield start, stop
            start = first
        stop = last
    if stop > start:
        yield start, stop


def _runs(indices: Iterable[int]) -> Iterator[Page]:
    """Yield the stretches of consecutive indices."""
    for _, group in itertools.groupby(enumerate(indices), key=lambda pair: pair[1] - pair[0]):
        run = [index for _, index in group]
        yield run[0], run[-1] + 1
