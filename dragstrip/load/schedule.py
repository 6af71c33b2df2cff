"""What a target's connections do in a slice: the arrivals of the open or the closed model."""

from __future__ import annotations

from heapq import heappop
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dragstrip.ledger.rows import Flag
from dragstrip.load.timer import NEVER_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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

    def take(self, now_ns: int, *, connection_was_free: bool) -> Arrival:
        """Return the request that is due, and go on to the next."""
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
        self._advance()

    def take(self, now_ns: int, *, connection_was_free: bool) -> Arrival:  # noqa: ARG002
        """Return the next arrival, flagged if it had to wait for a connection."""
        scheduled_ns, key, slice_index, flags, operation = arrival = self._head
        self._advance()
        if connection_was_free:
            return arrival
        return scheduled_ns, key, slice_index, flags | _NO_CONNECTION, operation

    def rest(self) -> Iterator[Arrival]:
        """Yield the arrivals that no connection has taken."""
        while self.next_ns != NEVER_NS:
            yield self.take(0, connection_was_free=False)

    def _advance(self) -> None:
        self._head = next(self._arrivals, _END)
        self.next_ns = self._head[0]


class Closed(Schedule):
    """A request for each idle connection, due at that moment, until `stop`."""

    __slots__ = ("_flag", "_keys", "_operations", "_span", "next_ns")

    def __init__(
        self,
        keys: Iterator[int],
        span: Span,
        operations: Iterator[int],
        flag: Callable[[int, int], int] = lambda _key, _operation: 0,
    ) -> None:
        self._keys = keys
        self._operations = operations
        self._span = span
        self._flag = flag
        self.next_ns = span.start_ns

    def take(self, now_ns: int, *, connection_was_free: bool) -> Arrival:  # noqa: ARG002
        """Return a request that is due now."""
        span = self._span
        flags = _COUNTED if span.counted_from_ns <= now_ns < span.end_ns else 0
        key, operation = next(self._keys), next(self._operations)
        return now_ns, key, span.slice_index, flags | self._flag(key, operation), operation

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

    def take(self, now_ns: int, *, connection_was_free: bool) -> Arrival:
        """Return the request that is due."""
        if self.next_ns == self._first.next_ns:
            return self._first.take(now_ns, connection_was_free=connection_was_free)
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
