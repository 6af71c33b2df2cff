"""Reads ledgers back, segment by segment, also those of a process that was killed."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.errors import StorageError
from dragstrip.ledger.layout import (
    HEADER,
    MAGIC,
    READ_VERSIONS,
    ROW,
    ROW_BYTES,
    checksum_of,
)
from dragstrip.ledger.rows import Outcome, Rows, select

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


_MOST_ROWS = 2**48


@dataclass(frozen=True, slots=True)
class Segment:
    """Some rows of one process. Wall-clock time = `wall_ns` + row time - `monotonic_ns`."""

    worker: int
    first_row: int
    wall_ns: int
    monotonic_ns: int
    rows: Rows
    is_torn: bool = False
    """Whether the file ends in the middle of a row, which is left out."""


def segments(folder: Path) -> Iterator[Segment]:
    """Yield the segments of a folder by worker, in the order they were written.

    Raises StorageError. Only one segment is in memory at a time, if the caller lets go of it.
    """
    for path in files(folder):
        yield read(path)


def files(folder: Path) -> list[Path]:
    """Return a folder's segments by worker, in the order they were written. Raises StorageError."""
    by_place = {_worker_and_number(path): path for path in folder.glob("*.rows")}
    # Where both are there, the process was killed between packing the one and removing the other.
    by_place |= {_worker_and_number(path): path for path in folder.glob("*.rows.gz")}
    return [by_place[place] for place in sorted(by_place)]


def read(path: Path) -> Segment:
    """Read one segment; what was never begun, at its end, is left out. Raises StorageError."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"cannot read {path}: {error}") from None
    if len(data) < HEADER.size or data[: len(MAGIC)] != MAGIC:
        raise StorageError(f"{path} is not part of a ledger")
    _, version, row_bytes, worker, first_row, wall_ns, monotonic_ns, sealed, checksum = (
        HEADER.unpack_from(data)
    )
    if version not in READ_VERSIONS or row_bytes != ROW_BYTES:
        known = " and ".join(map(str, READ_VERSIONS))
        raise StorageError(
            f"{path} has version {version}", fix=f"this dragstrip reads versions {known}"
        )
    if worker != _worker_and_number(path)[0] or not 0 <= first_row < _MOST_ROWS:
        raise StorageError(f"{path} is damaged: its head belongs to another part")
    whole = (len(data) - HEADER.size) // ROW_BYTES
    if sealed and (whole != sealed or checksum_of(data) != checksum):
        raise StorageError(
            f"{path} is damaged: its rows are not those that were written",
            fix="take it from a backup, or from the worker's machine",
        )
    rows: NDArray[Any] = np.frombuffer(data, ROW, count=whole, offset=HEADER.size)
    if len(rows) and rows["outcome"].max() > max(Outcome):
        raise StorageError(f"{path} is damaged: a row has an unknown outcome")
    begun = select(rows, rows["outcome"] != Outcome.EMPTY)
    is_torn = HEADER.size + whole * ROW_BYTES < len(data)
    return Segment(worker, first_row, wall_ns, monotonic_ns, begun, is_torn)


def _worker_and_number(path: Path) -> tuple[int, int]:
    worker, _, number = path.name.partition(".")[0].partition("-")
    try:
        return int(worker), int(number)
    except ValueError:
        raise StorageError(f"{path} is not part of a ledger") from None
