"""Whether a slice's requests suffice to say that it keeps a quantile's bound, or breaks it.

The rule of MLPerf LoadGen's early_stopping.cc: of so many requests, so few over the bound that
their true share is below what the quantile allows, at a confidence. Reddi et al., "MLPerf Inference
Benchmark", ISCA 2020. Requests of a slice depend on each other; a count is divided by its design
effect first (two_proportions.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dragstrip.stats.probability import beta_quantile, beta_share
from dragstrip.stats.t_interval import CONFIDENCE

if TYPE_CHECKING:
    from dragstrip.stats.two_proportions import Proportion

Outcome = Literal["kept", "broken", "open"]


def chance_kept(over: Proportion, allowed: float) -> float:
    """Return how likely the true share is at most `allowed`, by Jeffreys' prior; 0.5 of nothing.

    Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16
    (2001).
    """
    if not over.total:
        return 0.5
    right = over.total - over.failed
    return beta_share(allowed, over.failed + 0.5, right + 0.5)


def outcome(over: Proportion, allowed: float, confidence: float = CONFIDENCE) -> Outcome:
    """Tell whether the true share over a bound is at most `allowed`, above, or too few to tell.

    Each one-sided Clopper-Pearson limit holds at `confidence`; counts need not be whole numbers.
    """
    count, right = over.failed, over.total - over.failed
    if not over.total:
        return "open"
    low = beta_quantile(1 - confidence, count, right + 1) if count > 0 else 0.0
    high = beta_quantile(confidence, count + 1, right) if right > 0 else 1.0
    if high <= allowed:
        return "kept"
    return "broken" if low > allowed else "open"
