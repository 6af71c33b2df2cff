"""A lane: one target's arrivals of the current slice, in one process, in the order they are due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.measure.arrivals import Arrivals


@dataclass(frozen=True, slots=True)
class Arrival:
    """One lookup to make. `due_ns` is a time of the monotonic clock."""

    due_ns: int
    key: int
    slice_index: int
    flags: int


class Lane:
    """Hands each arrival to one slot and knows how many are still out."""

    def __init__(self) -> None:
        self._due_ns: list[int] = []
        self._keys: list[int] = []
        self._next = 0
        self._out = 0
        self._slice = -1
        self._counted_from_ns: int | None = None

    def load(
        self, arrivals: Arrivals, *, slice_index: int, start_ns: int, counted_from_ns: int | None
    ) -> None:
        """Begin a slice; arrivals due at or after `counted_from_ns` count, none if it is None."""
        self._due_ns = (arrivals.offsets_ns + start_ns).tolist()
        self._keys = arrivals.keys.tolist()
        self._next = 0
        self._slice = slice_index
        self._counted_from_ns = counted_from_ns

    @property
    def waiting(self) -> int:
        """How many arrivals no slot has taken."""
        return len(self._keys) - self._next

    @property
    def idle(self) -> bool:
        """Whether every arrival is over and done with."""
        return self._out == 0 and self.waiting == 0

    def take(self, now_ns: int) -> Arrival | None:
        """Return the next arrival, or None when there is none; call `done` when it is over."""
        if self.waiting == 0:
            return None
        arrival = self._pop()
        self._out += 1
        if arrival.due_ns < now_ns:
            return Arrival(
                arrival.due_ns, arrival.key, arrival.slice_index, arrival.flags | Flag.NO_SLOT
            )
        return arrival

    def done(self) -> None:
        """Note that a taken arrival is over."""
        self._out -= 1

    def abandon(self) -> Iterator[Arrival]:
        """Give up the arrivals that no slot has taken, and yield each."""
        while self.waiting:
            yield self._pop()

    def _pop(self) -> Arrival:
        due_ns, key = self._due_ns[self._next], self._keys[self._next]
        self._next += 1
        counts = self._counted_from_ns is not None and due_ns >= self._counted_from_ns
        return Arrival(due_ns, key, self._slice, Flag.COUNTED if counts else 0)
