"""Which keys each target was asked for so far: a cache serves repeated ones, and no first one.

Every process draws every arrival of the open model, those of other processes too. So each knows in
which order all of them are due, and which is the first for its key.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.ledger.rows import Flag
from dragstrip.load.arrivals import MISS_SPREAD, blocks_of
from dragstrip.scenario.numbered import all_drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from dragstrip.load.arrivals import Arrivals
    from dragstrip.run.plan import Plan

_REPEATED = int(Flag.REPEATED)


class AskedKeys:
    """A bit for each target, operation and key, in the order of the schedule.

    In the closed model, a process knows of its own requests only.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._writes = [operation.writes for operation in plan.operations]
        # Of keys that are asked once, none is ever repeated, and they have no bound.
        size = 0 if plan.race.keys == "once" else plan.keys + MISS_SPREAD
        self._asked = [[_Bits(size) for _ in plan.operations] for _ in plan.targets]
        self._next_slice = 0

    def begin(self, index: int) -> None:
        """Take in the slices before this one that the process did not take part in."""
        for slice_ in self._plan.slices[self._next_slice : index]:
            for target in range(len(self._plan.targets)):
                for _ in self.marked(blocks_of(self._plan, slice_, target), target):
                    pass
        self._next_slice = index + 1

    def marked(self, blocks: Iterable[Arrivals], target: int) -> Iterator[Arrivals]:
        """Say of each arrival at a target whether its key is repeated."""
        if self._plan.race.keys == "once":
            yield from blocks
            return
        mark = self._in_order if any(self._writes) else self._at_once
        for block in blocks:
            keys = all_drawn(block.keys) if self._plan.numbered else block.keys
            yield replace(block, repeated=mark(keys, block.operations, target))

    def flagged(
        self, drawn: Iterable[tuple[int, int]], target: int
    ) -> Iterator[tuple[int, int, int]]:
        """Yield key, operation and flag of each request, and remember it, for `drawn` pairs."""
        if self._plan.race.keys == "once":
            yield from ((key, operation, 0) for key, operation in drawn)
            return
        asked, writes = [bits.data for bits in self._asked[target]], self._writes
        # Resumed for every request of the closed model, so that it calls nothing.
        for key, operation in drawn:
            place, bit = key >> 3, 1 << (key & 7)
            if writes[operation]:
                for data in asked:
                    data[place] &= ~bit
                yield key, operation, 0
                continue
            data = asked[operation]
            byte = data[place]
            if byte & bit:
                yield key, operation, _REPEATED
            else:
                data[place] = byte | bit
                yield key, operation, 0

    def _at_once(
        self, keys: NDArray[np.int64], operations: NDArray[np.uint8], target: int
    ) -> NDArray[np.bool_]:
        asked = self._asked[target]
        if len(asked) == 1:
            return asked[0].set_all(keys)
        repeated = np.zeros(len(keys), np.bool_)
        for operation, bits in enumerate(asked):
            own = operations == operation
            repeated[own] = bits.set_all(keys[own])
        return repeated

    def _in_order(
        self, keys: NDArray[np.int64], operations: NDArray[np.uint8], target: int
    ) -> NDArray[np.bool_]:
        drawn = zip(keys.tolist(), operations.tolist(), strict=True)
        flags = (flag for _, _, flag in self.flagged(drawn, target))
        return np.fromiter(flags, np.bool_, len(keys))


class _Bits:
    """A bit for each number below a size: of eight numbers in a byte, the lowest bit first."""

    __slots__ = ("_all", "data")

    def __init__(self, size: int) -> None:
        self.data = bytearray(size // 8 + 1)
        self._all = np.frombuffer(self.data, np.uint8)

    def set_all(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Set one bit after the other, and return whether each was, shape (n,)."""
        places, bits = numbers >> 3, np.left_shift(1, numbers & 7).astype(np.uint8)
        _, first = np.unique(numbers, return_index=True)
        were = np.ones(len(numbers), np.bool_)
        were[first] = (self._all[places[first]] & bits[first]) != 0
        np.bitwise_or.at(self._all, places, bits)
        return were
