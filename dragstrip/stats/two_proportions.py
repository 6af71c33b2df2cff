"""Two error rates that were not measured in pairs: the interval of their difference.

Newcombe, "Interval estimation for the difference between independent proportions: comparison of
eleven methods", Statistics in Medicine 17 (1998), method 10: Wilson's score intervals of the two,
squared and added. Unlike the textbook's interval it has a length where neither side failed.

Failures come in bursts, so that requests are not independent. Before that, counts are divided by
their design effect: by how much more the slices scatter than independent requests would. Rao and
Scott, "A simple method for the analysis of clustered binary data", Biometrics 48 (1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.stats.probability import normal_quantile
from dragstrip.stats.t_interval import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Proportion:
    """How many of how many failed. Divided by a design effect, neither is a whole number."""

    failed: float
    total: float

    @property
    def share(self) -> float:
        """The share of failures; 0 of nothing."""
        return self.failed / self.total if self.total else 0.0


def effective(failed: Sequence[int], totals: Sequence[int]) -> Proportion:
    """Return the failures of slices as if requests were independent, divided by the design effect.

    `failed` and `totals` have a value per slice. Slices that scatter less than independent requests
    would do not count for more. Raises ValueError when the counts are impossible.
    """
    if len(failed) != len(totals) or any(
        not 0 <= bad <= of for bad, of in zip(failed, totals, strict=False)
    ):
        raise ValueError("each slice needs a count of failures between 0 and its total")
    all_failed, everything = sum(failed), sum(totals)
    effect = max(1.0, _design_effect(failed, totals))
    return Proportion(all_failed / effect, everything / effect)


def _design_effect(failed: Sequence[int], totals: Sequence[int]) -> float:
    slices, everything = len(totals), sum(totals)
    share = sum(failed) / everything if everything else 0.0
    if slices < 2 or not 0 < share < 1:
        return 1.0
    residuals = sum((bad - of * share) ** 2 for bad, of in zip(failed, totals, strict=True))
    variance = slices / (slices - 1) * residuals / everything**2
    return everything * variance / (share * (1 - share))


def newcombe(
    older: Proportion, newer: Proportion, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the two-sided interval of newer - older; (-1, 1) where either has no requests."""
    if not older.total or not newer.total:
        return -1.0, 1.0
    apart = newer.share - older.share
    old_low, old_high = wilson(older, confidence)
    new_low, new_high = wilson(newer, confidence)
    below = math.hypot(newer.share - new_low, old_high - older.share)
    above = math.hypot(new_high - newer.share, older.share - old_low)
    return apart - below, apart + above


def wilson(one: Proportion, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the two-sided score interval of a share; (0, 1) of no requests.

    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927).
    """
    if not one.total:
        return 0.0, 1.0
    z = normal_quantile((1 + confidence) / 2)
    middle = one.failed + z**2 / 2
    reach = z * math.sqrt(one.failed * (1 - one.share) + z**2 / 4)
    low, high = ((middle + side * reach) / (one.total + z**2) for side in (-1, 1))
    # Rounding must not put an end beyond the share that it surrounds.
    return min(max(low, 0.0), one.share), max(min(high, 1.0), one.share)
