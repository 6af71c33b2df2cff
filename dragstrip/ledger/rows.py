"""The ledger's row: what is known of one request. layout.py says how it lies in the file.

A row is written in two steps, before the send and after the answer, and its last byte says how far
it is: whatever kills the process, every row that was begun reads back.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.ledger.layout import ROW, ROW_BYTES

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

SEGMENT_BITS = 16
SEGMENT_ROWS = 1 << SEGMENT_BITS
"""Rows of one segment file: 4 MiB."""


class Outcome(IntEnum):
    """What became of a request. Everything but OK is a failure."""

    EMPTY = 0
    """The row was never begun."""
    IN_FLIGHT = 1
    """It was about to be sent; in a stored ledger, its outcome is unknown."""
    OK = 2
    WRONG_ANSWER = 3
    HTTP_STATUS = 4
    CONTENT_TYPE = 5
    NOT_JSON = 6
    TOO_LARGE = 7
    MALFORMED = 8
    TIMEOUT = 9
    FIRST_BYTE_TIMEOUT = 10
    CONNECT_TIMEOUT = 11
    RESOLVE = 12
    REFUSED = 13
    TLS = 14
    RESET = 15
    CLOSED = 16
    CONNECTION = 17
    UNSENT = 18
    OUT_OF_FILES = 19
    OUT_OF_PORTS = 20
    OUT_OF_MEMORY = 21
    NAME_SERVER = 22
    STALE = 23
    """The answer is what was right before an acknowledged write."""
    WRONG_DUPLICATE = 24
    """A write was acknowledged as new or as known, and is not."""

    def reason(self, status: int) -> str:
        """Return the name shown to people; an unexpected status carries its number."""
        return f"http_{status}" if self is Outcome.HTTP_STATUS else self.name.lower()


OF_THIS_MACHINE = tuple(
    outcome.name.lower()
    for outcome in (
        Outcome.OUT_OF_FILES,
        Outcome.OUT_OF_PORTS,
        Outcome.OUT_OF_MEMORY,
        Outcome.NAME_SERVER,
    )
)
"""Reasons that say something of the machine that makes the load, and nothing of a target."""


class Flag(IntFlag):
    """What else is known about a request before it is sent."""

    COUNTED = 1
    """Due after the warm-up, on the target whose slice it is."""
    NO_CONNECTION = 2
    """Every connection was busy when the request was due."""
    AGAIN = 4
    """The request of an earlier row was sent again."""
    REPEATED = 8
    """The target was asked for this key before in this race, since the last write to it."""


ABSENT = -1
"""`first_byte_us`, `query_us` or `total_us` of a request that has none."""

Rows = np.ndarray[tuple[int], np.dtype[np.void]]

_OPAQUE = np.dtype(f"V{ROW_BYTES}")


def select(rows: Rows, which: NDArray[Any]) -> Rows:
    """Return copies of the rows at a mask or at indices, shape (n,).

    Twenty times as fast as indexing the rows, which numpy copies field by field.
    """
    chosen: Rows = rows.view(_OPAQUE)[which].view(ROW)
    return chosen


def reasons(rows: Rows) -> dict[str, int]:
    """Count rows by the reason of their failure; those that are OK are left out."""
    failed = select(rows, rows["outcome"] != Outcome.OK)
    codes: NDArray[Any] = failed["outcome"].astype(np.int64) << 16 | failed["status"]
    values, counts = np.unique(codes, return_counts=True)
    total: dict[str, int] = {}
    for code, count in zip(values.tolist(), counts.tolist(), strict=True):
        reason = Outcome(code >> 16).reason(code & 0xFFFF)
        total[reason] = total.get(reason, 0) + count
    return total
