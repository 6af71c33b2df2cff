"""Writes a process's ledger: memory-mapped segments, each begun row complete before its send.

A segment's blocks are allocated when it is made: writing to a mapped file on a full disk would
kill the process instead of raising an error.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.errors import StorageError
from dragstrip.ledger.rows import (
    ABSENT,
    BEGUN,
    ENDED,
    ENDED_OFFSET,
    HEADER,
    MAGIC,
    OUTCOME_OFFSET,
    ROW,
    ROW_BYTES,
    SEGMENT_BITS,
    SEGMENT_ROWS,
    VERSION,
    Outcome,
    Rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_MASK = SEGMENT_ROWS - 1
_BYTES = HEADER.size + SEGMENT_ROWS * ROW_BYTES
_BEGIN = BEGUN.pack_into
_END = ENDED.pack_into


class Segment:
    """One mapped file of rows, or anonymous memory; `harvested` marks the rows handed on."""

    def __init__(self, path: Path | None, worker: int, first_row: int) -> None:
        self.path = path
        self.map = mmap.mmap(-1, _BYTES) if path is None else _create(path)
        clocks = (time.time_ns(), time.monotonic_ns())
        HEADER.pack_into(self.map, 0, MAGIC, VERSION, ROW_BYTES, worker, first_row, *clocks)
        self.harvested: NDArray[np.bool_] = np.zeros(SEGMENT_ROWS, np.bool_)
        self.harvested_to = 0
        """Every row before this one is harvested."""

    def rows(self) -> Rows:
        """Return all rows, in place. Let go of it before the segment is closed."""
        rows: Rows = np.frombuffer(self.map, ROW, SEGMENT_ROWS, HEADER.size)
        return rows

    def harvest(self, begun: int) -> Rows:
        """Return copies of the ended rows among the first `begun` that were not returned before."""
        window = slice(self.harvested_to, begun)
        rows = self.rows()[window]
        fresh = (rows["outcome"] > Outcome.IN_FLIGHT) & ~self.harvested[window]
        taken: Rows = rows[fresh]
        self.harvested[window] |= fresh
        left = np.flatnonzero(~self.harvested[window])
        self.harvested_to = self.harvested_to + int(left[0]) if len(left) else begun
        return taken

    def close(self, rows: int) -> None:
        """Write the rows out; the file ends after the first `rows`."""
        self.map.flush()
        self.map.close()
        if self.path is not None:
            os.truncate(self.path, HEADER.size + rows * ROW_BYTES)


class Ledger:
    """The rows of one process, in the order the lookups were begun.

    With a folder, segments are the files `<worker>-<number>.rows` there; without, rows are
    forgotten once harvested. Times are nanoseconds of this machine's monotonic clock.
    """

    def __init__(self, folder: Path | None, worker: int) -> None:
        self._folder = folder
        self._worker = worker
        self._open: dict[int, Segment] = {}
        self._maps: dict[int, mmap.mmap] = {}
        self._row = 0
        self._next_segment()

    @property
    def begun(self) -> int:
        """How many rows were begun."""
        return self._row

    def begin(
        self,
        due_ns: int,
        key: int,
        slice_index: int,
        target: int,
        flags: int,
        slot: int,
        now_ns: int,
    ) -> int:
        """Write down a lookup that is about to be sent, and return its row's number."""
        row = self._row
        place = row & _MASK
        if place == 0 and row:
            self._next_segment()
        offset = HEADER.size + place * ROW_BYTES
        _BEGIN(self._map, offset, due_ns, key, slice_index, target, flags, slot, now_ns)
        self._map[offset + OUTCOME_OFFSET] = Outcome.IN_FLIGHT
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
    ) -> None:
        """Complete a row; `opened` counts the connections that the lookup had to open."""
        _END(
            self._maps[row >> SEGMENT_BITS],
            HEADER.size + (row & _MASK) * ROW_BYTES + ENDED_OFFSET,
            sent_ns,
            done_ns,
            first_byte_us,
            query_us,
            total_us,
            size,
            status,
            opened,
            outcome,
        )

    def harvest(self) -> Iterator[Rows]:
        """Yield copies of the rows that ended since the last call, a segment's at a time.

        A segment of which every row was harvested is closed.
        """
        for number in list(self._open):
            segment = self._open[number]
            begun = min(self._row - (number << SEGMENT_BITS), SEGMENT_ROWS)
            yield segment.harvest(begun)
            if segment.harvested_to == SEGMENT_ROWS:
                self._close(number, SEGMENT_ROWS)

    def close(self) -> None:
        """Close every segment; a row that was not ended stays in flight for ever."""
        for number in list(self._open):
            self._close(number, min(self._row - (number << SEGMENT_BITS), SEGMENT_ROWS))

    def _next_segment(self) -> None:
        number = self._row >> SEGMENT_BITS
        path = self._folder and self._folder / f"{self._worker}-{number:05d}.rows"
        self._open[number] = Segment(path, self._worker, self._row)
        self._map = self._maps[number] = self._open[number].map

    def _close(self, number: int, rows: int) -> None:
        del self._maps[number]
        self._open.pop(number).close(rows)


def _create(path: Path) -> mmap.mmap:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.posix_fallocate(file, 0, _BYTES)
            return mmap.mmap(file, _BYTES)
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(
            f"cannot write the ledger {path}: {error.strerror}", fix="make room, or correct --out"
        ) from None
