"""The comparison: a t-interval over the pairs' log ratios.

Requests within a slice resemble each other, so the pair of slices is what is sampled; where pairs
resemble their neighbours as well, dependence.py merges them first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.config.sections import MIN_PAIRS as MIN_PAIRS
from dragstrip.stats.autocorrelation import merge
from dragstrip.stats.probability import student_quantile
from dragstrip.stats.t_interval import CONFIDENCE, Mean, mean_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

POWER = 0.80
MOST_PAIRS = 10_000
MOST_LOG_RATIO = 100.0
"""An end that lies beyond this, or nowhere, is put here."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio with its 95 % confidence interval, and what it was made from."""

    ratio: float
    low: float
    high: float
    pairs: int
    """How many values it was made from: pairs, or merged pairs."""
    deviation: float
    """Standard deviation of the log ratios."""
    confidence: float = CONFIDENCE
    """Of the t-interval. Above 95 % where several looks together shall hold with 95 %."""

    @property
    def minimum_detectable_effect(self) -> float:
        """The smallest relative change that as many pairs would detect four times out of five."""
        reach = detectable(self.pairs - 1, self.confidence)
        effect = reach * self.deviation / math.sqrt(self.pairs)
        return math.expm1(min(MOST_LOG_RATIO, effect))


def detectable(freedom: float, confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors an effect must be to be detected with the chance POWER."""
    return student_quantile((1 + confidence) / 2, freedom) + student_quantile(POWER, freedom)


def interval(baseline: Sequence[float], challenger: Sequence[float]) -> Interval | None:
    """Compare the quantiles of paired slices in the order they ran, challenger over baseline.

    None with fewer than two pairs, or when a quantile is not a positive finite number.
    """
    logs = log_ratios(baseline, challenger)
    return None if logs is None else around(mean_of(merge(logs).values))


def log_ratios(
    baseline: Sequence[float], challenger: Sequence[float]
) -> NDArray[np.float64] | None:
    """Return log(challenger / baseline), shape (pairs,); None where `interval` is None."""
    values = np.array([baseline, challenger], float)
    if values.shape[1] < 2 or not (np.isfinite(values).all() and (values > 0).all()):
        return None
    logs: NDArray[np.float64] = np.log(values[1]) - np.log(values[0])
    return logs


def around(mean: Mean, confidence: float = CONFIDENCE) -> Interval:
    """Return the interval of the ratio from the mean of log ratios."""
    low, high = mean.interval(confidence)
    # In this order: of what is not a number, the bound is taken.
    low, high = max(-MOST_LOG_RATIO, low), min(MOST_LOG_RATIO, high)
    return Interval(
        math.exp(mean.value),
        math.exp(low),
        math.exp(high),
        mean.count,
        mean.deviation,
        confidence,
    )


def pairs_needed(found: Interval, settles: Callable[[Interval], bool]) -> int | None:
    """Return how many pairs of the same scatter and mean `settles` would accept; None if too many.

    Merged pairs count as one.
    """
    mean = math.log(found.ratio)
    return fewest(
        lambda pairs: settles(around(Mean(mean, found.deviation, pairs), found.confidence)),
        start=found.pairs,
    )


def fewest(enough: Callable[[int], bool], start: int) -> int | None:
    """Return the fewest pairs that are enough, MIN_PAIRS or more; None if too many.

    What is enough stays enough with more pairs, so the search doubles from `start` and then halves.
    """
    low, high = MIN_PAIRS - 1, max(start, MIN_PAIRS)
    while not enough(high):
        low, high = high, high * 2
        if low >= MOST_PAIRS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
