"""Quantiles and tails of known distributions, ranks, and Kendall's test.

Of scipy.special alone: scipy.stats, which has all of them, takes half a second to load. The tests
compare them with it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

_EXACT_UP_TO = 33


def normal_quantile(share: float) -> float:
    """Return the value below which this share of a standard normal distribution lies."""
    return float(scipy.special.ndtri(share))


def normal_tail(value: float) -> float:
    """Return the share of a standard normal distribution above a value."""
    return float(scipy.special.ndtr(-value))


def student_quantile(share: float, freedom: float) -> float:
    """Return the value below which this share of Student's distribution lies."""
    return float(scipy.special.stdtrit(freedom, share))


def student_tail(value: float, freedom: float) -> float:
    """Return the share of Student's distribution above a value."""
    return float(scipy.special.stdtr(freedom, -value))


def beta_share(value: float, a: float, b: float) -> float:
    """Return the share of a beta distribution below a value."""
    return float(scipy.special.betainc(a, b, value))


def beta_quantile(share: float, a: float, b: float) -> float:
    """Return the value below which this share of a beta distribution lies."""
    return float(scipy.special.betaincinv(a, b, share))


def binomial_quantile(share: float, count: ArrayLike, chance: ArrayLike) -> Floats:
    """Return the least number of successes that has at least this share of them at or below it.

    `count` trials succeed with a probability of `chance` each; both have one shape or broadcast.
    """
    trials, chances = np.broadcast_arrays(
        np.asarray(count, np.float64), np.asarray(chance, np.float64)
    )
    found = np.clip(np.ceil(scipy.special.bdtrik(share, trials, chances)), 0, trials)
    # The inverse is of a continuous function, and rounding may put it one too high.
    before: Any = np.maximum(found - 1, 0)
    enough = scipy.special.bdtr(before, trials.astype(np.int64), chances) >= share
    return np.where(enough, before, found)


def poisson_share(most: float, means: ArrayLike) -> Floats:
    """Return the share of a Poisson distribution at or below a number, for each mean."""
    return np.asarray(scipy.special.pdtr(most, np.asarray(means, np.float64)), np.float64)


def ranks(values: Floats) -> Floats:
    """Return the rank of each value, from 1, shape (n,); equal ones share their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def kendall_variance(values: Floats) -> float:
    """Return the variance of Kendall's S of values against time, some of which may be equal."""
    n = len(values)
    _, counts = np.unique(values, return_counts=True)
    ties = float((counts * (counts - 1) * (2 * counts + 5)).sum())
    return max((n * (n - 1) * (2 * n + 5) - ties) / 18, 0.0)


def kendall_p(values: Floats) -> float:
    """Return the two-sided p-value of no trend, for finite values in the order of time, shape (n,).

    Exact where there are few and none are equal, else by the normal distribution (Kendall, Rank
    correlation methods, 1948). 1 where all are equal.
    """
    n = len(values)
    later, earlier = np.tril_indices(n, -1)
    s = int(np.sign(values[later] - values[earlier]).sum())
    if n <= _EXACT_UP_TO and len(np.unique(values)) == n:
        fewer = (n * (n - 1) // 2 - abs(s)) // 2
        return min(1.0, 2 * float(_inversions(n)[: fewer + 1].sum()))
    variance = kendall_variance(values)
    return min(1.0, 2 * normal_tail(abs(s) / np.sqrt(variance))) if variance else 1.0


@functools.lru_cache(maxsize=64)
def _inversions(n: int) -> Floats:
    """Return how likely a random order of n has 0, 1, 2 ... inversions."""
    shares: Floats = np.ones(1)
    for count in range(2, n + 1):
        shares = np.convolve(shares, np.full(count, 1 / count))
    return shares
