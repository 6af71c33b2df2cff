"""The comparison: a t-interval over the pairs' log ratios.

Lookups within a slice resemble each other, so the pair of slices is what is sampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIN_PAIRS = 6
CONFIDENCE = 0.95
POWER = 0.80
MOST_PAIRS = 10_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio with its 95 % confidence interval, and what it was made from."""

    ratio: float
    low: float
    high: float
    pairs: int
    deviation: float
    """Standard deviation of the log ratios."""

    @property
    def minimum_detectable_effect(self) -> float:
        """The smallest relative change that as many pairs would detect four times out of five."""
        freedom = self.pairs - 1
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) + stats.t.ppf(POWER, freedom)
        return math.expm1(float(reach) * self.deviation / math.sqrt(self.pairs))


def interval(baseline: Sequence[float], challenger: Sequence[float]) -> Interval | None:
    """Compare the quantiles of paired slices, challenger over baseline.

    None with fewer than two pairs, or when a quantile is not a positive finite number.
    """
    values = np.array([baseline, challenger], float)
    if values.shape[1] < 2 or not (np.isfinite(values).all() and (values > 0).all()):
        return None
    logs = np.log(values[1] / values[0])
    return _around(float(logs.mean()), float(logs.std(ddof=1)), len(logs))


def pairs_needed(found: Interval, settles: Callable[[Interval], bool]) -> int | None:
    """Return how many pairs of the same scatter and mean `settles` would accept; None if too many.

    The interval narrows with the number of pairs, so the search doubles and then halves.
    """
    mean = math.log(found.ratio)

    def enough(pairs: int) -> bool:
        return settles(_around(mean, found.deviation, pairs))

    low, high = MIN_PAIRS - 1, max(found.pairs, MIN_PAIRS)
    while not enough(high):
        low, high = high, high * 2
        if low >= MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _around(mean: float, deviation: float, pairs: int) -> Interval:
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, pairs - 1)) * deviation / math.sqrt(pairs)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), pairs, deviation)
