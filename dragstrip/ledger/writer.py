"""Writes a process's ledger: every row is begun before its request is sent and ended after it.

What takes long has its place outside the hot path: `upkeep` may run in another thread while
requests are made, `tidy` between slices.
"""

from __future__ import annotations

import errno
import logging
import os
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np

from dragstrip.ledger.layout import (
    BEGUN,
    ENDED,
    ENDED_OFFSET,
    HEADER,
    OUTCOME_OFFSET,
    ROW_BYTES,
)
from dragstrip.ledger.rows import ABSENT, SEGMENT_BITS, SEGMENT_ROWS, Outcome, Rows
from dragstrip.ledger.segment import OpenSegment, compress, seal, unwritable

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

Policy = Literal["keep", "compress", "drop"]

_MASK = SEGMENT_ROWS - 1
_RESERVE_FROM = SEGMENT_ROWS // 4

# Looked up for every request: module-level names and plain integers are the cheapest there are.
_FIRST = HEADER.size
_SECOND_HALF = HEADER.size + ENDED_OFFSET
_TO_OUTCOME = OUTCOME_OFFSET - ENDED_OFFSET
_IN_FLIGHT = int(Outcome.IN_FLIGHT)
_BEGIN = BEGUN.pack_into
_END = ENDED.pack_into


class Ledger:
    """The rows of one process, in the order the requests were begun.

    With a folder, segments are the files `<worker>-<number>.rows` there; without, rows are
    forgotten once harvested. A segment of which every row was harvested is kept, compressed or
    dropped, as the policy says. Times are nanoseconds of this machine's monotonic clock.

    Raises StorageError where a segment cannot be made; what was written before stays.
    """

    def __init__(self, folder: Path | None, worker: int, policy: Policy = "keep") -> None:
        self._folder = folder
        self._worker = worker
        self._policy = policy
        self._open: dict[int, OpenSegment] = {}
        self._maps: dict[int, mmap.mmap] = {}
        self._spare: OpenSegment | None = None
        self._made = count()
        self._closed: list[tuple[Path, bool]] = []
        """The files of closed segments, and whether every row of each was harvested."""
        self._row = 0
        first = self._path(0)
        if first is not None and any(one.exists() for one in (first, _packed(first))):
            raise unwritable(first, FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)))
        self._next_segment()

    @property
    def begun(self) -> int:
        """How many rows were begun."""
        return self._row

    def begin(
        self,
        scheduled_ns: int,
        key: int,
        slice_index: int,
        target: int,
        flags: int,
        user: int,
        now_ns: int,
        operation: int = 0,
    ) -> int:
        """Write down a request that is about to be sent, and return its row's number."""
        row = self._row
        place = row & _MASK
        if not place and row:
            self._next_segment()
        offset = _FIRST + place * ROW_BYTES
        _BEGIN(
            self._map,
            offset,
            scheduled_ns,
            key,
            slice_index,
            target,
            flags,
            user,
            now_ns,
            operation,
            _IN_FLIGHT,
        )
        self._row = row + 1
        return row

    def end(
        self,
        row: int,
        sent_ns: int,
        done_ns: int,
        outcome: int,
        status: int = 0,
        size: int = 0,
        first_byte_us: int = ABSENT,
        query_us: int = ABSENT,
        total_us: int = ABSENT,
        opened: int = 0,
        reconnected: int = 0,
    ) -> None:
        """Complete a row; `opened` counts the connections that the request had to open.

        `reconnected` is 1 where one of them replaced an earlier one.
        """
        rows = self._maps[row >> SEGMENT_BITS]
        offset = _SECOND_HALF + (row & _MASK) * ROW_BYTES
        _END(
            rows,
            offset,
            sent_ns,
            done_ns,
            first_byte_us,
            query_us,
            total_us,
            size,
            status,
            opened,
            reconnected,
        )
        # Apart from the rest, and after it: until here the row is in flight.
        rows[offset + _TO_OUTCOME] = outcome

    def harvest(self) -> Iterator[Rows]:
        """Yield copies of the rows that ended since the last call, a segment's at a time."""
        for number in list(self._open):
            segment = self._open[number]
            rows = segment.harvest(self._begun_in(number))
            if segment.harvested_to == SEGMENT_ROWS:
                self._seal(number)
            if len(rows):
                yield rows

    def unanswered(self, target: int) -> NDArray[np.int64]:
        """Return when a target's requests that are in flight were due."""
        found = [one.unanswered(self._begun_in(number)) for number, one in self._open.items()]
        return np.concatenate([due_ns[targets == target] for targets, due_ns in found])

    @property
    def needs_upkeep(self) -> bool:
        """Whether `upkeep` has anything to do."""
        return self._needs_spare or (self._policy == "drop" and bool(self._closed))

    def upkeep(self) -> None:
        """Make the next segment ready before it is needed, and remove what is to be dropped.

        May be called in another thread, by one at a time.
        """
        if self._needs_spare:
            self._spare = self._new_segment()
        if self._policy == "drop":
            self.tidy()

    def tidy(self) -> None:
        """Seal, compress or drop the segments that are closed.

        May be called in another thread, by one at a time. A megabyte of rows takes it about 10 ms
        of processor time to compress, so call it while no requests are made.
        """
        while self._closed:
            path, is_harvested = self._closed.pop(0)
            if self._policy == "drop" and is_harvested:
                path.unlink(missing_ok=True)
                continue
            seal(path)
            if self._policy == "compress" and not compress(path):
                log.warning("no room to compress %s: it stays as it is", path)

    def close(self) -> None:
        """Close every segment; a row that was not ended stays in flight for ever.

        A segment with rows that were never harvested is not dropped.
        """
        for number in list(self._open):
            self._seal(number)
        if self._spare is not None:
            self._spare.discard()
            self._spare = None
        self.tidy()

    @property
    def _needs_spare(self) -> bool:
        return self._spare is None and (self._row & _MASK) >= _RESERVE_FROM

    def _next_segment(self) -> None:
        number = self._row >> SEGMENT_BITS
        segment = self._spare
        if segment is None:
            segment = self._new_segment()
        else:
            # Only now: another thread may have made one meanwhile, and it must not be lost.
            self._spare = None
        segment.in_place(self._path(number), self._worker, self._row)
        self._open[number] = segment
        self._map = self._maps[number] = segment.map

    def _new_segment(self) -> OpenSegment:
        # Named apart from the ledger's files until it has a header that can be read, and apart
        # from one that another thread may be making.
        name = f"{self._worker}-{next(self._made)}.spare"
        return OpenSegment(self._folder and self._folder / name)

    def _path(self, number: int) -> Path | None:
        return self._folder and self._folder / f"{self._worker}-{number:05d}.rows"

    def _begun_in(self, number: int) -> int:
        return min(self._row - (number << SEGMENT_BITS), SEGMENT_ROWS)

    def _seal(self, number: int) -> None:
        del self._maps[number]
        segment = self._open.pop(number)
        begun = self._begun_in(number)
        segment.close(begun)
        if segment.path:
            self._closed.append((segment.path, segment.harvested_to == begun))


def _packed(path: Path) -> Path:
    return path.with_suffix(".rows.gz")
