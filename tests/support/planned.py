"""All that is planned for a slice, at once; a race draws it a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dragstrip.load.arrivals import Arrivals, blocks_of_slice, blocks_of_trickle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragstrip.run.plan import Plan, PlannedSlice


def of_slice(plan: Plan, slice_: PlannedSlice) -> Arrivals:
    return _joined(blocks_of_slice(plan, slice_))


def trickle(plan: Plan, slice_: PlannedSlice) -> Arrivals:
    return _joined(blocks_of_trickle(plan, slice_))


def _joined(blocks: Iterable[Arrivals]) -> Arrivals:
    parts = list(blocks)
    return Arrivals(
        np.concatenate([np.empty(0, np.int64), *(part.offsets_ns for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.keys for part in parts)]),
        np.concatenate([np.empty(0, np.uint8), *(part.operations for part in parts)]),
    )
