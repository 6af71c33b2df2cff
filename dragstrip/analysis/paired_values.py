"""What a stored run says pair by pair: one value of each side, in the order the pairs ran."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from dragstrip.config.config import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.run.model import Run, Slice

Measure = Metric | Literal["throughput", "error_rate", "reconnects"]
MEASURES: tuple[Measure, ...] = ("p50", "p95", "p99", "throughput", "error_rate", "reconnects")
SHARES: frozenset[Measure] = frozenset({"error_rate", "reconnects"})
"""May be nought and then have no ratio: they are compared by their difference."""

_OF: dict[Measure, Callable[[Slice], float | None]] = {
    "p50": lambda part: part.p50_ms,
    "p95": lambda part: part.p95_ms,
    "p99": lambda part: part.p99_ms,
    "throughput": lambda part: part.achieved_per_s,
    "error_rate": lambda part: 1 - part.verified / part.requests if part.requests else None,
    "reconnects": lambda part: part.reconnected / part.requests if part.requests else None,
}


def by_pair(run: Run, measure: Measure) -> tuple[list[float], list[float]]:
    """Return the values of (baseline, challenger); NaN where a slice has none.

    Quantiles are milliseconds, throughput achieved requests per second, the others shares.
    """
    sides: dict[str, list[float]] = {run.baseline: [], run.challenger: []}
    for part in sorted(run.slices, key=lambda one: one.pair):
        value = _OF[measure](part)
        sides[part.target].append(math.nan if value is None else value)
    return sides[run.baseline], sides[run.challenger]
