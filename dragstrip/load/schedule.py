"""What a target's connections do in a slice: the arrivals of the open or the closed model."""

from __future__ import annotations

from heapq import heappop
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dragstrip.ledger.rows import Flag
from dragstrip.load.timer import NEVER_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dragstrip.load.arrivals import Arrivals

Arrival = tuple[int, int, int, int, int]
"""One request: when it is due (monotonic clock, nanoseconds), key, slice, flags, operation.

A plain tuple: at thousands a second, making a named one takes longer than all else that is done
with it before the send.
"""

Pending = list[tuple[int, int, int]]
"""A heap of what is to be sent again: when it is due, key, operation."""

_COUNTED = int(Flag.COUNTED)
_NO_CONNECTION = int(Flag.NO_CONNECTION)
_AGAIN = int(Flag.AGAIN)
_REPEATED = int(Flag.REPEATED)
_END: Arrival = (NEVER_NS, 0, -1, 0, 0)


class Span(NamedTuple):
    """A slice in this process's time; requests due in `counted_from_ns` .. `end_ns` count."""

    slice_index: int
    start_ns: int
    counted_from_ns: int
    end_ns: int


class Schedule:
    """Says when the next request is due; `next_ns` is NEVER_NS when none is left."""

    next_ns = NEVER_NS

    def take(self, now_ns: int, flags: int) -> Arrival:
        """Return the request that is due, with these flags added, and go on to the next."""
        raise NotImplementedError

    def stop(self) -> None:
        """Make up no more requests. What was due at a set time remains."""

    def rest(self) -> Iterator[Arrival]:
        """Yield what no connection has taken, and leave nothing."""
        yield from ()


class Open(Schedule):
    """Requests due at set times, whatever becomes of earlier ones."""

    __slots__ = ("_arrivals", "_head", "next_ns")

    def __init__(self, blocks: Iterable[Arrivals], span: Span) -> None:
        self._arrivals = _in_time(blocks, span)
        self._head = next(self._arrivals, _END)
        self.next_ns = self._head[0]

    def take(self, now_ns: int, flags: int) -> Arrival:  # noqa: ARG002
        """Return the next arrival."""
        arrival = self._head
        self._head = head = next(self._arrivals, _END)
        self.next_ns = head[0]
        if flags:
            scheduled_ns, key, slice_index, own, operation = arrival
            return scheduled_ns, key, slice_index, own | flags, operation
        return arrival

    def rest(self) -> Iterator[Arrival]:
        """Yield the arrivals that no connection has taken."""
        while self.next_ns != NEVER_NS:
            yield self.take(0, _NO_CONNECTION)


class Closed(Schedule):
    """A request for each idle connection, due at that moment, until `stop`."""

    __slots__ = ("_counted_from_ns", "_drawn", "_end_ns", "_slice_index", "next_ns")

    def __init__(self, drawn: Iterator[tuple[int, int, int]], span: Span) -> None:
        """`drawn` yields key, operation and flags of one request after the other, for ever."""
        self._drawn = drawn
        self._slice_index, self.next_ns, self._counted_from_ns, self._end_ns = span

    def take(self, now_ns: int, flags: int) -> Arrival:  # noqa: ARG002
        """Return a request that is due now: for it, a connection is always free."""
        key, operation, own = next(self._drawn)
        if self._counted_from_ns <= now_ns < self._end_ns:
            own |= _COUNTED
        return now_ns, key, self._slice_index, own, operation

    def stop(self) -> None:
        """Make up no more requests."""
        self.next_ns = NEVER_NS


class WithRepeats(Schedule):
    """Another schedule, and between its requests what is to be sent again."""

    def __init__(self, first: Schedule, pending: Pending, slice_index: int) -> None:
        self._first = first
        self._pending = pending
        self._slice_index = slice_index
        self._stopped = False

    @property
    def next_ns(self) -> int:  # type: ignore[override]
        """When the next request of either is due."""
        if self._stopped or not self._pending:
            return self._first.next_ns
        return min(self._first.next_ns, self._pending[0][0])

    def take(self, now_ns: int, flags: int) -> Arrival:
        """Return the request that is due."""
        if self.next_ns == self._first.next_ns:
            return self._first.take(now_ns, flags)
        due_ns, key, operation = heappop(self._pending)
        return due_ns, key, self._slice_index, _AGAIN, operation

    def stop(self) -> None:
        """Leave what is to be sent again to the next slice."""
        self._stopped = True
        self._first.stop()

    def rest(self) -> Iterator[Arrival]:
        """Yield the first schedule's arrivals that no connection has taken."""
        return self._first.rest()


def _in_time(blocks: Iterable[Arrivals], span: Span) -> Iterator[Arrival]:
    for block in blocks:
        scheduled_ns = block.offsets_ns + span.start_ns
        counts = (scheduled_ns >= span.counted_from_ns) & (scheduled_ns < span.end_ns)
        flags = np.where(counts, _COUNTED, 0)
        if block.repeated is not None:
            flags |= np.where(block.repeated, _REPEATED, 0)
        keys, operations = block.keys.tolist(), block.operations.tolist()
        columns = zip(scheduled_ns.tolist(), keys, flags.tolist(), operations, strict=True)
        for due, key, flag, operation in columns:
            yield due, key, span.slice_index, flag, operation
