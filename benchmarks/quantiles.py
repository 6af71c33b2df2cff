"""Quantiles as the instrument defines them, what a stall makes of one, how far two are apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def nearest_rank(values: NDArray[Any], q: float) -> float:
    """Return the smallest value that at least a share of `q` does not exceed."""
    rank = max(math.ceil(q * len(values)), 1)
    return float(np.partition(values, rank - 1)[rank - 1])


def stalled_ms(q: float, *, stall_ms: float, counted_ms: float, delay_ms: float) -> float:
    """Return the quantile of the response time where a server stalls once.

    Lookups are due at a constant rate throughout `counted_ms`, the stall included; each is answered
    `delay_ms` after it was due, or when the stall is over if that is later. The lookup that was
    first to miss its answer waits `stall_ms + delay_ms`, and waits fall linearly from there: a
    share of x waits longer than that by x * counted_ms less, until the stall's share is used up.
    """
    slower_ms = (1 - q) * counted_ms
    return delay_ms + max(stall_ms - slower_ms, 0.0)


def error_beyond(reported_ms: float, true_ms: float, floor_ms: float) -> float:
    """Return how far a figure is from the truth as a share of it, after a floor is allowed for.

    The floor is what lies between the two clocks that are compared, and can only add.
    """
    off_ms = reported_ms - true_ms
    return max(off_ms - floor_ms, -off_ms, 0.0) / true_ms
