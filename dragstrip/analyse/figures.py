"""The figures of a tally: counts, rates and quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragstrip.ledger.tally import Tally

QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


def figures(tally: Tally, duration_s: float) -> dict[str, Any]:
    """Return the fields of Figures for lookups that were due over `duration_s` seconds in all."""
    return {
        "due": tally.due,
        "verified": tally.verified,
        "failed": tally.failed,
        "offered_per_s": tally.due / duration_s if duration_s else 0.0,
        "achieved_per_s": tally.on_time / duration_s if duration_s else 0.0,
    } | {name: tally.quantile_ms(q) for name, q in QUANTILES.items()}


def details(tally: Tally) -> dict[str, Any]:
    """Return the fields that TargetTotals has beyond Figures."""
    low_ms, high_ms = _extremes_ms(tally)
    return {
        "error_rate": tally.failures / tally.due if tally.due else 0.0,
        "low_ms": low_ms,
        "high_ms": high_ms,
        "service_p50_ms": tally.part_ms("service", 0.5),
        "first_byte_p50_ms": tally.part_ms("first_byte", 0.5),
        "query_p50_ms": tally.part_ms("query", 0.5),
        "total_p50_ms": tally.part_ms("total", 0.5),
        "send_lag_p99_ms": tally.part_ms("send_lag", 0.99),
        "no_slot": tally.no_slot,
        "opened": tally.opened,
        "bytes": tally.bytes,
    }


def _extremes_ms(tally: Tally) -> tuple[float, float] | tuple[None, None]:
    response = tally.histograms.get("response")
    if response is None or not response.total:
        return None, None
    return response.low_ns / 1e6, response.high_ns / 1e6
