"""The ledger's row, written down once: its columns, where they lie, and what each one says.

The numpy dtype, the struct strings, the offsets, the export and the table in docs/ledger.md follow
from COLUMNS. To add a column, add a line here, raise VERSION, and give its value to the writer.
"""

from __future__ import annotations

import struct
import zlib
from typing import Literal, NamedTuple

import numpy as np

When = Literal["begin", "both", "end", "last", "never"]
"""Before the send; before it and again after the answer; after the answer; at the very end."""
Shown = Literal["number", "time", "duration", "name", "flags", "outcome", "nothing"]
"""How an export shows it; a `name` is looked up in a list of names."""

MAGIC = b"DRAGLEDG"
VERSION = 3
READ_VERSIONS = (2, 3)
"""Version 2 has padding, which is 0, where `reconnected` and `operation` lie now."""


class Column(NamedTuple):
    """A column of the row. `type` is numpy's, little-endian."""

    name: str
    type: str
    written: When
    shown: Shown
    meaning: str

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return np.dtype(f"<{self.type}").itemsize

    @property
    def type_name(self) -> str:
        """The type as docs/ledger.md names it."""
        return f"{self.size} bytes" if self.type[0] == "V" else f"{self.type[0]}{self.size * 8}"


COLUMNS = (
    Column("scheduled_ns", "i8", "begin", "time", "when the request is scheduled to be sent"),
    Column(
        "key",
        "i8",
        "begin",
        "number",
        "the number that decides what is asked: index of the contact in the dataset, past whose "
        "end there is none; of [data of your own](own-data.md), the place of the number in the "
        "file, from 0; of [scenarios that write](writes.md), that index plus 2^32 times the "
        "arrival's number",
    ),
    Column("slice", "i4", "begin", "number", "index of the slice in `plan.json`"),
    Column(
        "target",
        "u1",
        "begin",
        "name",
        "index of the target in `plan.json`: 0 is the baseline, 1 the challenger",
    ),
    Column(
        "flags",
        "u1",
        "begin",
        "flags",
        "bit 0: the row counts; bit 1: no connection was free at the scheduled time; bit 2: the "
        "request of an earlier row was sent again; bit 3: the target was asked for the key before, "
        "since its last write",
    ),
    Column(
        "connection",
        "u2",
        "begin",
        "number",
        "number of the connection in its process, modulo 65,536",
    ),
    Column("sent_ns", "i8", "both", "time", "just before it was sent"),
    Column(
        "done_ns", "i8", "end", "time", "when the whole answer was there, or the failure certain"
    ),
    Column(
        "first_byte_us",
        "i4",
        "end",
        "duration",
        "from `sent_ns` to the answer's first byte, in microseconds; -1 if there was none",
    ),
    Column(
        "query_us",
        "i4",
        "end",
        "duration",
        "the answer's `Server-Timing` for `query`, in microseconds; -1 if there was none",
    ),
    Column("total_us", "i4", "end", "duration", "the same for `total`"),
    Column("bytes", "u4", "end", "number", "length of the body"),
    Column("status", "u2", "end", "number", "HTTP status, 0 if there was none"),
    Column("opened", "u1", "end", "number", "connections that had to be opened for it"),
    Column(
        "reconnected",
        "u1",
        "end",
        "number",
        "1 if one of them replaced a connection of the Locust user that no failure had ended",
    ),
    Column(
        "operation",
        "u1",
        "begin",
        "name",
        "index of the operation in `plan.json`; 0 in ledgers of version 2, which had none",
    ),
    Column("padding", "V2", "never", "nothing", "0"),
    Column("outcome", "u1", "last", "outcome", "see below"),
)

ROW = np.dtype([(column.name, f"<{column.type}") for column in COLUMNS])
ROW_BYTES = ROW.itemsize


def offset_of(name: str) -> int:
    """Return where a column begins in its row."""
    assert ROW.fields is not None  # noqa: S101
    return int(ROW.fields[name][1])


def _packer(columns: tuple[Column, ...], written: tuple[When, ...]) -> struct.Struct:
    """Return what packs those of adjacent columns that are written then; the others become 0."""
    codes = {"i8": "q", "i4": "i", "u4": "I", "u2": "H", "u1": "B"}
    return struct.Struct(
        "<"
        + "".join(
            codes[column.type] if column.written in written else f"{column.size}x"
            for column in columns
        )
    )


def _ending() -> tuple[Column, ...]:
    """Return the columns from the first to the last that are written after the answer."""
    at = [n for n, column in enumerate(COLUMNS) if column.written in {"both", "end"}]
    return COLUMNS[at[0] : at[-1] + 1]


BEGUN = _packer(COLUMNS, ("begin", "both", "last"))
"""A whole row, the outcome last; what is not known yet is 0."""
ENDED = _packer(_ending(), ("both", "end"))
"""What is known after the answer, without the outcome. Packing clears the bytes first: nothing that
is written before the send may lie among them, apart from what is written again."""
ENDED_OFFSET = offset_of(_ending()[0].name)
OUTCOME_OFFSET = offset_of("outcome")

HEADER = struct.Struct("<8sHHIQqq16xII")
"""magic, version, row bytes, worker, number of the first row, wall clock and monotonic clock; the
number of rows and the checksum once it is closed, until then 0."""
_SEAL = struct.Struct("<II")
SEAL_OFFSET = HEADER.size - _SEAL.size


def checksum_of(segment: bytes) -> int:
    """Return the CRC-32 of a segment, without the part of its header where that is stored."""
    view = memoryview(segment)
    return zlib.crc32(view[HEADER.size :], zlib.crc32(view[:SEAL_OFFSET]))


def seal_of(segment: bytes) -> bytes:
    """Return what is to be written at SEAL_OFFSET when no row changes any more."""
    rows = (len(segment) - HEADER.size) // ROW_BYTES
    return _SEAL.pack(rows, checksum_of(segment))


def documented() -> list[str]:
    """Return the lines of the table in docs/ledger.md."""
    return [
        f"| {offset_of(column.name)} | `{column.name}` | {column.type_name} | {column.meaning} |"
        for column in COLUMNS
    ]
