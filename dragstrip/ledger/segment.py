"""One segment of a ledger while it is written: a mapped file, or anonymous memory.

Its blocks are allocated when it is made: writing to a mapped file on a full disk would kill the
process instead of raising an error. Its pages are touched then too, so that no request waits for
the kernel to provide one.
"""

from __future__ import annotations

import gzip
import mmap
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from dragstrip import atomic_file
from dragstrip.errors import StorageError
from dragstrip.ledger.layout import (
    HEADER,
    MAGIC,
    ROW,
    ROW_BYTES,
    SEAL_OFFSET,
    VERSION,
    seal_of,
)
from dragstrip.ledger.rows import SEGMENT_ROWS, Outcome, Rows, select

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BYTES = HEADER.size + SEGMENT_ROWS * ROW_BYTES

_PAGE = mmap.PAGESIZE
_FAST = 1
"""Deflate's level: the others save a few per cent of the bytes for several times the work."""


class OpenSegment:
    """Room for SEGMENT_ROWS rows that belongs nowhere until it is put `in_place`.

    With a path it is a file; without, memory of this process.
    """

    def __init__(self, path: Path | None) -> None:
        """Make it; may be called in another thread. Raises StorageError."""
        self.path = path
        self.map = mmap.mmap(-1, BYTES) if path is None else _create(path)
        np.frombuffer(self.map, np.uint8)[::_PAGE] = 0
        self._harvested: NDArray[np.bool_] = np.zeros(SEGMENT_ROWS, np.bool_)
        self.harvested_to = 0
        """Every row before this one is harvested."""

    def in_place(self, path: Path | None, worker: int, first_row: int) -> None:
        """Give it its header and its name. Raises StorageError."""
        clocks = (time.time_ns(), time.monotonic_ns())
        HEADER.pack_into(self.map, 0, MAGIC, VERSION, ROW_BYTES, worker, first_row, *clocks, 0, 0)
        if self.path is None or path is None:
            return
        try:
            self.path.rename(path)
        except OSError as error:
            raise unwritable(path, error) from None
        self.path = path

    def harvest(self, begun: int) -> Rows:
        """Return copies of the ended rows among the first `begun` that were not returned before."""
        left = np.flatnonzero(~self._harvested[self.harvested_to : begun]) + self.harvested_to
        # Kept no longer than this call: a map that is looked into cannot be closed.
        rows: Rows = np.frombuffer(self.map, ROW, SEGMENT_ROWS, HEADER.size)
        has_ended = rows["outcome"][left] > Outcome.IN_FLIGHT
        taken = select(rows, left[has_ended])
        self._harvested[left[has_ended]] = True
        in_flight = left[~has_ended]
        self.harvested_to = int(in_flight[0]) if len(in_flight) else begun
        return taken

    def unanswered(self, begun: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return target and due time of the rows in flight among the first `begun`."""
        rows: Rows = np.frombuffer(self.map, ROW, SEGMENT_ROWS, HEADER.size)
        part = rows[self.harvested_to : begun]
        in_flight = part["outcome"] == int(Outcome.IN_FLIGHT)
        return part["target"][in_flight], part["scheduled_ns"][in_flight]

    def close(self, rows: int) -> None:
        """Let go of the map; a file that is not full ends after its first `rows`.

        What was written stays with the kernel, which writes it to the disk in its own time.
        """
        self.map.close()
        if self.path is not None and rows < SEGMENT_ROWS:
            os.truncate(self.path, HEADER.size + rows * ROW_BYTES)

    def discard(self) -> None:
        """Let go of the map and remove the file."""
        self.map.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def seal(path: Path) -> None:
    """Write a closed segment's checksum into its header, so that a flipped bit is noticed.

    It reads the whole file, so call it while no requests are made. On a disk that takes no more the
    segment stays without.
    """
    with suppress(OSError), path.open("r+b") as file:
        mark = seal_of(file.read())
        file.seek(SEAL_OFFSET)
        file.write(mark)


def compress(path: Path) -> bool:
    """Put a gzipped file in a closed segment's place; return whether there was room for it."""
    try:
        packed = gzip.compress(path.read_bytes(), _FAST)
        atomic_file.write(path.with_suffix(".rows.gz"), packed)
        path.unlink()
    except OSError:
        return False
    return True


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error for a ledger's file that cannot be written."""
    return StorageError(
        f"cannot write the ledger {path}: {error.strerror}", fix="make room, or correct --out"
    )


def _allocate(file: int) -> None:
    try:
        os.posix_fallocate(file, 0, BYTES)
    except OSError as error:
        if error.errno not in atomic_file.NOT_OFFERED:
            raise
        # A hole that finds the disk full later would end the process: fill it now.
        with os.fdopen(os.dup(file), "wb") as stream:
            stream.write(bytes(BYTES))


def _create(path: Path) -> mmap.mmap:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        _allocate(file)
        return mmap.mmap(file, BYTES)
    except OSError as error:
        # What little was allocated may be what the rest of the run's folder needs.
        path.unlink()
        raise unwritable(path, error) from None
    finally:
        os.close(file)
