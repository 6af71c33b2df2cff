"""A confidence interval for a mean that holds however often one looks, and whenever one stops.

Wang and Ramdas, "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown
variance" (2024; arXiv 2310.03722): with a normal prior N(0, 1/c^2) for mean
over standard deviation, the likelihood ratio of normal values against a mean of 0,

    G(n) = sqrt(c^2 / (n + c^2)) * (V / (V - S^2 / (n + c^2)))^(n / 2),

with S the sum and V the sum of squares of n values, is a nonnegative martingale that begins at 1,
whatever the variance. By Ville's inequality it ever reaches 1 / alpha with a probability of at most
alpha. The interval has those means m for which G(n) of the values less m stays below 1 / alpha.
"""

from __future__ import annotations

import math

from dragstrip.stats.probability import student_tail

PRIOR = 1.0
"""c^2: what is expected is a mean about as large as the standard deviation of a value."""


def critical_t(count: int, alpha: float, prior: float = PRIOR) -> float:
    """Return the half-width of the interval of `count` values, in standard errors.

    Infinite where so few values tell nothing yet.
    """
    if count < 2:
        return math.inf
    # Of the values less m, V = (n - 1) s^2 + n d^2 and S = n d, with d the distance from the mean.
    most = ((count + prior) / prior / alpha**2) ** (1 / count)
    left = 1 - most * prior / (count + prior)
    return math.sqrt((count - 1) * (most - 1) / left) if left > 0 else math.inf


def p_value(t: float, count: int, prior: float = PRIOR) -> float:
    """Return 1 / G(n), at most 1: a p-value of a mean of 0 that holds at any time.

    `t` is the distance of the mean from 0 in standard errors.
    """
    if math.isinf(t):
        return 0.0
    freedom, left = count - 1, prior / (count + prior)
    ratio = (freedom + left * t * t) / (freedom + t * t)
    return min(1.0, math.exp(count / 2 * math.log(ratio)) / math.sqrt(left))


def level(count: int, alpha: float) -> float:
    """Return the confidence of the t-interval that is as wide; 1 where it has no ends."""
    return 1 - 2 * student_tail(critical_t(count, alpha), count - 1)
