"""The figures of a tally: counts, rates, quantiles and the parts of the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dragstrip.ledger.histogram import Histogram
from dragstrip.run.model import AskedRequests, Split

if TYPE_CHECKING:
    from dragstrip.ledger.tally import Tally

_TWICE = 5e-4

QUANTILES = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


def figures(tally: Tally, duration_s: float) -> dict[str, Any]:
    """Return the fields of Figures for requests that were due over `duration_s` seconds in all."""
    return {
        "requests": tally.requests,
        "verified": tally.verified,
        "failed": tally.failed,
        "reconnected": tally.reconnected,
        "offered_per_s": tally.requests / duration_s if duration_s else 0.0,
        "achieved_per_s": tally.on_time / duration_s if duration_s else 0.0,
    } | {name: tally.quantile_ms(q) for name, q in QUANTILES.items()}


def details(tally: Tally) -> dict[str, Any]:
    """Return the fields that TargetTotals has beyond Figures."""
    low_ms, high_ms = _extremes_ms(tally)
    return {
        "error_rate": tally.failures / tally.requests if tally.requests else 0.0,
        "low_ms": low_ms,
        "high_ms": high_ms,
        "service_p50_ms": tally.part_ms("service", 0.5),
        "first_byte_p50_ms": tally.part_ms("first_byte", 0.5),
        "query_p50_ms": tally.part_ms("query", 0.5),
        "total_p50_ms": tally.part_ms("total", 0.5),
        "send_delay_p99_ms": tally.part_ms("send_delay", 0.99),
        "no_connection": tally.no_connection,
        "opened": tally.opened,
        "bytes": tally.bytes,
        "split": split(tally),
    }


def asked(tally: Tally) -> dict[str, AskedRequests]:
    """Return the requests that were the first for their key, and the others."""
    response = tally.histograms.get("response", Histogram())
    again = tally.histograms.get("repeated", Histogram())
    return {
        "first": _asked(tally.requests - tally.repeated, response.without(again)),
        "repeated": _asked(tally.repeated, again),
    }


def _asked(requests: int, response: Histogram) -> AskedRequests:
    # Failures rank as slower than any answer.
    found = {
        name: response.quantile_ns(q, requests - response.total) for name, q in QUANTILES.items()
    }
    return AskedRequests(
        requests=requests,
        verified=response.total,
        **{name: None if value is None else value / 1e6 for name, value in found.items()},
    )


def split(tally: Tally) -> Split | None:
    """Return where the mean response time went; None without a verified request.

    Means, since they alone add up. Parts that the server reports of some answers only would not be
    of the same requests as the rest, and are left in it; so are parts that exceed it.
    """
    response, service = (_mean_ms(tally, name) for name in ("response", "service"))
    if response is None or service is None:
        return None
    total = _part_of(service, _mean_ms(tally, "total"))
    query = None if total is None else _part_of(total, _mean_ms(tally, "query"))
    return Split(
        wait_ms=max(response - service, 0.0),
        network_ms=service - (total or 0.0),
        handler_ms=None if total is None else total - (query or 0.0),
        data_ms=query,
    )


def _mean_ms(tally: Tally, name: str) -> float | None:
    histogram = tally.histograms.get(name)
    if histogram is None or histogram.total != tally.verified or not histogram.total:
        return None
    return histogram.sum_ns() / histogram.total / 1e6


def _part_of(whole: float, part: float | None) -> float | None:
    # Each mean is within 0.025 %, so that a part may seem to exceed the whole by that much.
    if part is None or part > whole * (1 + _TWICE):
        return None
    return min(part, whole)


def _extremes_ms(tally: Tally) -> tuple[float, float] | tuple[None, None]:
    response = tally.histograms.get("response")
    if response is None or not response.total:
        return None, None
    return response.low_ns / 1e6, response.high_ns / 1e6
