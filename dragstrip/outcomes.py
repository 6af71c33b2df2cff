"""The outcomes file: one fixed-width row per lookup, appended by the process that sent it.

docs/run-format.md describes the layout for readers in other languages. A row is written with one
system call when its lookup is over, so that a killed process leaves whole rows behind.
"""

from __future__ import annotations

import os
import struct
import time
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = b"DRAGOUTC"
VERSION = 1


class Outcome(IntEnum):
    """What became of a lookup. Everything but OK is a failure."""

    OK = 0
    WRONG_ANSWER = 1
    HTTP_STATUS = 2
    CONTENT_TYPE = 3
    NOT_JSON = 4
    TOO_LARGE = 5
    TIMEOUT = 6
    CONNECTION = 7
    UNSENT = 8

    def reason(self, status: int) -> str:
        """Return the name shown to people; an unexpected status carries its number."""
        return f"http_{status}" if self is Outcome.HTTP_STATUS else self.name.lower()


class Flag(IntFlag):
    """What else is known about a row."""

    COUNTED = 1
    """Due after the settle time, on the target whose turn it is."""
    NO_SLOT = 2
    """Every connection was busy when the lookup was due."""


ROW = np.dtype(
    [
        ("due_ns", "<i8"),
        ("sent_ns", "<i8"),
        ("done_ns", "<i8"),
        ("key", "<i8"),
        ("slice", "<i4"),
        ("query_us", "<i4"),
        ("total_us", "<i4"),
        ("bytes", "<u4"),
        ("target", "<u2"),
        ("status", "<u2"),
        ("outcome", "u1"),
        ("flags", "u1"),
        ("padding", "<u2"),
    ]
)
_ROW = struct.Struct("<qqqqiiiIHHBBxx")
_HEADER = struct.Struct("<8sHHIqq32x")

Rows = np.ndarray[tuple[int], np.dtype[np.void]]


class OutcomeWriter:
    """Appends rows to a new file. Times are nanoseconds of this machine's monotonic clock."""

    def __init__(self, path: Path, worker: int) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        clocks = (time.time_ns(), time.monotonic_ns())
        os.write(self._file, _HEADER.pack(MAGIC, VERSION, _ROW.size, worker, *clocks))

    def append(
        self,
        *,
        due_ns: int,
        sent_ns: int,
        done_ns: int,
        key: int,
        slice_index: int,
        target: int,
        outcome: Outcome,
        flags: int,
        status: int = 0,
        size: int = 0,
        query_us: int = -1,
        total_us: int = -1,
    ) -> None:
        """Append one row; `query_us` and `total_us` are -1 when the server reported none."""
        row = _ROW.pack(
            due_ns,
            sent_ns,
            done_ns,
            key,
            slice_index,
            query_us,
            total_us,
            size,
            target,
            status,
            outcome,
            flags,
        )
        if os.write(self._file, row) != len(row):
            raise OSError("the outcomes file took only part of a row")

    def close(self) -> None:
        """Close the file; appending afterwards is an error."""
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class OutcomeFile:
    """One process's rows. Wall-clock time = `wall_ns` + row time - `monotonic_ns`."""

    worker: int
    wall_ns: int
    monotonic_ns: int
    rows: Rows


def read(path: Path) -> OutcomeFile:
    """Read an outcomes file; a row cut off by a crash is left out. Raises StorageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    if len(data) < _HEADER.size or data[: len(MAGIC)] != MAGIC:
        raise StorageError(f"{path} is not an outcomes file")
    _, version, size, worker, wall_ns, monotonic_ns = _HEADER.unpack_from(data)
    if (version, size) != (VERSION, ROW.itemsize):
        raise StorageError(
            f"{path} has version {version}", fix=f"this dragstrip reads version {VERSION}"
        )
    whole = (len(data) - _HEADER.size) // ROW.itemsize
    rows: NDArray[Any] = np.frombuffer(data, ROW, count=whole, offset=_HEADER.size)
    return OutcomeFile(worker, wall_ns, monotonic_ns, rows)


def read_all(folder: Path) -> list[OutcomeFile]:
    """Read every outcomes file of a run, by worker."""
    return sorted((read(path) for path in folder.glob("*.bin")), key=lambda file: file.worker)
