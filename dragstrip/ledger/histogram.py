"""A histogram of durations whose bins are as wide as 1/2048 of their value, and merge exactly.

Below 4096 ns every nanosecond has a bin of its own; above, each doubling has 2048 bins. The middle
of a bin is within 0.025 % of everything in it.
"""

from __future__ import annotations

import base64
import math
import zlib
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.errors import StorageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = 11
_HALF = 1 << _BITS
MOST_NS = (1 << 42) - 1
"""Longer durations (73 minutes) are counted as this."""
_FAST = 1
"""Deflate's level: this happens while requests are made, and the others take ten times as long."""
_BINS = (42 - _BITS - 1) * _HALF + 2 * _HALF


class DamagedHistogramError(StorageError, ValueError):
    """A text is not a histogram; an error of a message, and of a file it was read from."""


class Histogram:
    """Counts durations in nanoseconds. A negative one counts as zero.

    `low_ns` and `high_ns` are the exact extremes; both are 0 while it is empty.
    """

    __slots__ = ("_counts", "high_ns", "low_ns", "total")

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self.total = 0
        self.low_ns = self.high_ns = 0

    def add(self, durations_ns: NDArray[np.int64]) -> None:
        """Count durations, shape (n,)."""
        if not len(durations_ns):
            return
        values = np.clip(durations_ns, 0, MOST_NS)
        np.add.at(self._counts, bins_of(values), 1)
        self._widen(int(values.min()), int(values.max()))
        self.total += len(values)

    def merge(self, other: Histogram) -> None:
        """Add another histogram's counts."""
        if other.total:
            self._counts += other._counts
            self._widen(other.low_ns, other.high_ns)
            self.total += other.total

    def without(self, part: Histogram) -> Histogram:
        """Return what is in this one and not in a part of it; the extremes stay the whole's."""
        rest = Histogram()
        rest._counts = self._counts - part._counts
        rest.total = self.total - part.total
        rest.low_ns, rest.high_ns = self.low_ns, self.high_ns
        return rest

    def quantile_ns(self, q: float, slower: int = 0) -> float | None:
        """Return the nearest-rank quantile in nanoseconds, within 0.025 %.

        `slower` values that are not in the histogram rank above all that are. None of nothing, or
        where the rank falls among those.
        """
        rank = max(math.ceil(q * (self.total + slower)), 1)
        if rank > self.total:
            return None
        first, last = self._range()
        bin_ = first + int(np.searchsorted(np.cumsum(self._counts[first : last + 1]), rank))
        return min(max(middle_ns(bin_), self.low_ns), self.high_ns)

    def at_most(self, bounds_ns: NDArray[np.int64]) -> list[int]:
        """Count what is at most each bound, which are in ascending order, within 0.05 % of it."""
        if not self.total:
            return [0] * len(bounds_ns)
        first, last = self._range()
        below = np.concatenate([[0], np.cumsum(self._counts[first : last + 1])])
        ends = np.clip(bins_of(np.clip(bounds_ns, 0, MOST_NS)) - first + 1, 0, last + 1 - first)
        counts: list[int] = below[ends].tolist()
        return counts

    def sum_ns(self) -> float:
        """Return the sum of all durations, within 0.025 %."""
        used = self._used()
        shift = np.maximum((used >> _BITS) - 1, 0)
        middles = ((used - (shift << _BITS)) << shift) + ((1 << shift) - 1) / 2
        return float(middles @ self._counts[used])

    def encode(self) -> str:
        """Return the counts as text: base64 of deflated little-endian integers.

        These are low_ns and high_ns (64 bits each), then 32-bit ones: the differences of the bins
        in use, then their counts.
        """
        used = self._used()
        steps = np.diff(used, prepend=0)
        numbers = np.concatenate([steps, self._counts[used]]).astype("<u4")
        extremes = np.array([self.low_ns, self.high_ns], "<i8")
        packed = zlib.compress(extremes.tobytes() + numbers.tobytes(), _FAST)
        return base64.b64encode(packed).decode()

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """Return the histogram that `encode` wrote. Raises ValueError."""
        one = cls()
        one.merge_encoded(text)
        return one

    def merge_encoded(self, text: str) -> None:
        """Add the counts that another's `encode` wrote, at the price of its bins in use alone.

        Raises ValueError, and then has added nothing.
        """
        try:
            data = zlib.decompress(base64.b64decode(text, validate=True))
            low_ns, high_ns = np.frombuffer(data, "<i8", 2).tolist()
            numbers = np.frombuffer(data, "<u4", offset=16).astype(np.int64)
            used = len(numbers) // 2
            counts = numbers[used:]
            self._counts[numbers[:used].cumsum()] += counts
        except (zlib.error, IndexError, ValueError) as error:
            raise DamagedHistogramError(f"not a histogram: {error}") from None
        if len(counts):
            self._widen(low_ns, high_ns)
            self.total += int(counts.sum())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Histogram)
            and (self.low_ns, self.high_ns) == (other.low_ns, other.high_ns)
            and np.array_equal(self._counts, other._counts)
        )

    __hash__ = None  # type: ignore[assignment]

    def _used(self) -> NDArray[np.int64]:
        first, last = self._range()
        used: NDArray[np.int64] = np.flatnonzero(self._counts[first : last + 1]) + first
        return used

    def _range(self) -> tuple[int, int]:
        first, last = bins_of(np.clip([self.low_ns, self.high_ns], 0, MOST_NS)).tolist()
        return first, last

    def _widen(self, low_ns: int, high_ns: int) -> None:
        self.low_ns = min(self.low_ns, low_ns) if self.total else low_ns
        self.high_ns = max(self.high_ns, high_ns)


def bins_of(durations_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each duration from 0 to MOST_NS."""
    exponent = np.frexp(durations_ns.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(exponent - _BITS - 1, 0)
    bins: NDArray[np.int64] = (shift << _BITS) + (durations_ns >> shift)
    return bins


def middle_ns(bin_: int) -> float:
    """Return the middle of a bin in nanoseconds."""
    shift = max(bin_ // _HALF - 1, 0)
    lowest = (bin_ - shift * _HALF) << shift
    return lowest + ((1 << shift) - 1) / 2
