"""Counts and quantiles of lookups, from the rows of the outcomes files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.outcomes import Flag, Outcome, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


def counted(rows: Rows) -> Rows:
    """Return the rows that were due after the settle time on the target whose turn it was."""
    chosen: Rows = rows[(rows["flags"] & Flag.COUNTED) != 0]
    return chosen


def figures(rows: Rows, on_time: NDArray[np.bool_], duration_s: float) -> dict[str, Any]:
    """Return the fields of Figures for counted rows, due over `duration_s` seconds in all.

    `on_time` tells which of them were sent before their slice was over.
    """
    response = response_ms(rows)
    return {
        "due": len(rows),
        "verified": int((rows["outcome"] == Outcome.OK).sum()),
        "failed": failures(rows),
        "offered_per_s": len(rows) / duration_s if duration_s else 0.0,
        "achieved_per_s": int(on_time.sum()) / duration_s if duration_s else 0.0,
    } | {name: quantile(response, q) for name, q in QUANTILES.items()}


def details(rows: Rows) -> dict[str, Any]:
    """Return the fields that TargetTotals has beyond Figures."""
    right = rows[rows["outcome"] == Outcome.OK]
    return {
        "error_rate": 1 - len(right) / len(rows) if len(rows) else 0.0,
        "service_p50_ms": quantile((right["done_ns"] - right["sent_ns"]) / 1e6, 0.5),
        "query_p50_ms": _reported_ms(right["query_us"]),
        "total_p50_ms": _reported_ms(right["total_us"]),
        "send_lag_p99_ms": quantile(send_lag_ms(rows), 0.99),
        "no_slot": int(((rows["flags"] & Flag.NO_SLOT) != 0).sum()),
    }


def response_ms(rows: Rows) -> NDArray[np.float64]:
    """Return milliseconds from due to done; infinity for a lookup that failed."""
    time_ms = (rows["done_ns"] - rows["due_ns"]) / 1e6
    return np.where(rows["outcome"] == Outcome.OK, time_ms, math.inf)


def send_lag_ms(rows: Rows) -> NDArray[np.float64]:
    """Return how late the generator sent the lookups for which it had a slot."""
    had_slot = (rows["flags"] & Flag.NO_SLOT) == 0
    sent = rows[had_slot & (rows["outcome"] != Outcome.UNSENT)]
    lag: NDArray[np.float64] = (sent["sent_ns"] - sent["due_ns"]) / 1e6
    return lag


def failures(rows: Rows) -> dict[str, int]:
    """Count the failed rows by reason."""
    failed = rows[rows["outcome"] != Outcome.OK]
    kinds, counts = np.unique(failed[["outcome", "status"]], return_counts=True)
    total: dict[str, int] = {}
    for (outcome, status), count in zip(kinds.tolist(), counts.tolist(), strict=True):
        reason = Outcome(outcome).reason(status)
        total[reason] = total.get(reason, 0) + count
    return total


def quantile(values: NDArray[np.float64], q: float) -> float | None:
    """Return the nearest-rank quantile; None of nothing, or where it is infinite."""
    if not len(values):
        return None
    rank = max(math.ceil(q * len(values)), 1) - 1
    value = float(np.partition(values, rank)[rank])
    return value if math.isfinite(value) else None


def _reported_ms(microseconds: NDArray[np.int32]) -> float | None:
    return quantile(microseconds[microseconds >= 0] / 1e3, 0.5)
