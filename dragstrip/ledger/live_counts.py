"""What a tally comes to in a few dozen numbers: for live views of a race.

A brief costs the process that makes it some tenths of a millisecond, where a tally's own encoding
costs milliseconds. Briefs add up as tallies do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragstrip.ledger.tally import Tally

_STEPS = (1.0, 1.25, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0)

BOUNDS_S = tuple(
    bound
    for power in range(-4, 2)
    for step in _STEPS
    if (bound := round(step * 10.0**power, 6)) >= 0.0005
)
"""Upper bounds of the response times' buckets: ten a decade (ISO 3's R10), 0.5 ms to 80 s."""

_BY_REASON: tuple[Literal["failed", "failed_uncounted"], ...] = ("failed", "failed_uncounted")

_BOUNDS_NS = np.array([round(bound * 1e9) for bound in BOUNDS_S], np.int64)


class Brief(TypedDict):
    """Counts as in Tally. `buckets` count verified requests at most as long as each of BOUNDS_S."""

    verified: int
    failed: dict[str, int]
    uncounted: int
    failed_uncounted: dict[str, int]
    buckets: list[int]
    sum_s: float


def brief(tally: Tally) -> Brief:
    """Return what a tally comes to."""
    response = tally.histograms.get("response")
    return {
        "verified": tally.verified,
        "failed": dict(tally.failed),
        "uncounted": tally.uncounted,
        "failed_uncounted": dict(tally.failed_uncounted),
        "buckets": response.at_most(_BOUNDS_NS) if response else [0] * len(BOUNDS_S),
        "sum_s": response.sum_ns() / 1e9 if response else 0.0,
    }


def total(briefs: Iterable[Brief]) -> Brief:
    """Return the sum; of none, one with nothing counted."""
    sum_: Brief = {
        "verified": 0,
        "failed": {},
        "uncounted": 0,
        "failed_uncounted": {},
        "buckets": [0] * len(BOUNDS_S),
        "sum_s": 0.0,
    }
    for one in briefs:
        sum_["verified"] += one["verified"]
        sum_["uncounted"] += one["uncounted"]
        sum_["sum_s"] += one["sum_s"]
        sum_["buckets"] = [a + b for a, b in zip(sum_["buckets"], one["buckets"], strict=True)]
        for name in _BY_REASON:
            for reason, count in one[name].items():
                sum_[name][reason] = sum_[name].get(reason, 0) + count
    return sum_


def quantile_ms(counted: Brief, share: float) -> float | None:
    """Return about the time within which a share of the requests was answered, in milliseconds.

    It is right within its bucket, a quarter of the value. None without a request, and where so many
    failed that it does not exist, or it lies beyond the last bound.
    """
    failed = sum(counted["failed"].values())
    rank = share * (counted["verified"] + failed)
    if not rank or rank > counted["buckets"][-1]:
        return None
    place = next(i for i, count in enumerate(counted["buckets"]) if count >= rank)
    before = counted["buckets"][place - 1] if place else 0
    low_s = BOUNDS_S[place - 1] if place else BOUNDS_S[0] / 2
    part = (rank - before) / (counted["buckets"][place] - before)
    return float(low_s * (BOUNDS_S[place] / low_s) ** part * 1000)


def most(one: Brief, other: Brief) -> Brief:
    """Return the greater of each count."""
    return {
        "verified": max(one["verified"], other["verified"]),
        "failed": _most_by_reason(one["failed"], other["failed"]),
        "uncounted": max(one["uncounted"], other["uncounted"]),
        "failed_uncounted": _most_by_reason(one["failed_uncounted"], other["failed_uncounted"]),
        "buckets": list(map(max, one["buckets"], other["buckets"])),
        "sum_s": max(one["sum_s"], other["sum_s"]),
    }


def _most_by_reason(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {reason: max(one.get(reason, 0), other.get(reason, 0)) for reason in one | other}
