"""An error rate with its exact interval, and what that says about a limit.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934). The interval is exact for independent requests and covers at least
as often as it says. Failures that come in bursts are not independent: then it is too short.
"""

from __future__ import annotations

from typing import Literal

from dragstrip.stats.probability import beta_quantile
from dragstrip.stats.t_interval import CONFIDENCE

Standing = Literal["within", "over", "open"]


def clopper_pearson(
    failures: int, requests: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the two-sided interval of the share of failures; (0, 1) of no requests.

    All is possible with a confidence of 1. Raises ValueError when the counts or the confidence are
    impossible.
    """
    if not 0 <= failures <= requests:
        raise ValueError(f"{failures} failures of {requests} requests cannot be")
    if not 0 < confidence <= 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    tail = (1 - confidence) / 2
    right = requests - failures
    low = beta_quantile(tail, failures, right + 1) if failures else 0.0
    high = beta_quantile(1 - tail, failures + 1, right) if right else 1.0
    return low, high


def against(limit: float, failures: int, requests: int) -> Standing:
    """Tell whether the whole 95 % interval is within the limit, over it, or neither.

    An error rate is "over" only where the failures prove it, and "within" only where the requests
    suffice: without a failure, a limit of 0.001 takes 3,688 of them.
    """
    low, high = clopper_pearson(failures, requests)
    if low > limit:
        return "over"
    return "within" if high <= limit else "open"
