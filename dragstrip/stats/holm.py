"""Several metrics tested at once: without a correction, one in twenty differs by chance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values so that calling those at or below a level different errs that rarely in all.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979): the k-th smallest of m is multiplied by m - k + 1, never falls below the
    one before it, and never exceeds 1. It holds whatever the dependence between the metrics. The
    answer has the order of the argument. Raises ValueError for a value outside 0 .. 1.
    """
    for name, p in p_values.items():
        if math.isnan(p) or not 0 <= p <= 1:
            raise ValueError(f"{name}: {p} is not a p-value")
    adjusted: dict[str, float] = {}
    floor = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda one: p_values[one])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}
