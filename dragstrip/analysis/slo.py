"""A target's own latency against the objective: a t-interval over its slices.

The slices of a target drift together with the machine and so depend on each other; they are merged
like pairs. The interval is that of their geometric mean: of the quantile in a typical slice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from dragstrip.analysis.looks import fixed
from dragstrip.analysis.ratio import around
from dragstrip.stats.autocorrelation import merge
from dragstrip.stats.t_interval import mean_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.looks import Level

Objective = Literal["met", "missed", "open"]


def typical(values_ms: Sequence[float], level: Level = fixed) -> tuple[float, float, float] | None:
    """Return the quantile in a typical slice, in ms, and the ends of its 95 % interval.

    `values_ms` are the slices' in the order they ran. None with fewer than two, or when one is not
    a positive finite number. `level` says with which confidence so many values hold 95 %.
    """
    values = np.array(values_ms, float)
    if len(values) < 2 or not (np.isfinite(values).all() and (values > 0).all()):
        return None
    found = mean_of(merge(np.log(values)).values)
    around_it = around(found, level(found.count))
    return around_it.ratio, around_it.low, around_it.high


def slice_interval(values_ms: Sequence[float], level: Level = fixed) -> tuple[float, float] | None:
    """Return the interval alone."""
    found = typical(values_ms, level)
    return found and found[1:]


def standing(interval: tuple[float, float] | None, slo_ms: float) -> Objective:
    """Tell whether the whole interval keeps the objective, misses it, or neither."""
    if interval is None:
        return "open"
    low, high = interval
    if high <= slo_ms:
        return "met"
    return "missed" if low > slo_ms else "open"
