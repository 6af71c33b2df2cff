"""Bounds for a test that is made several times on growing data, at a fixed error over all times.

Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983): an error
of `spent(t)` is used up by the time a share t of the data is there. The function is theirs that
comes near to O'Brien and Fleming's bounds (Biometrics 35, 1979): early tests are strict, and the
last one is hardly stricter than a single test. The bounds follow by numerical integration over
what was not decided before (Armitage, McPherson and Rowe, Journal of the Royal Statistical Society
A 132, 1969). For means of values with an unknown variance, a bound's p-value is used with Student's
t: Jennison and Turnbull, Group Sequential Methods (2000), section 4.4.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import scipy

from dragstrip.stats.probability import normal_quantile, normal_tail

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(96)
_LEAST_P = 1e-12
Before = tuple[Any, Any, float, float]
_FARTHEST = 20.0
"""In standard deviations: nothing is beyond."""


def spent(fraction: float, alpha: float) -> float:
    """Return how much of a two-sided error is used up when a share of the data, 0 to 1, is there.

    Each side uses up half of it.
    """
    end = -normal_quantile(alpha / 4)
    return 4 * normal_tail(end / math.sqrt(fraction)) if fraction else 0.0


@functools.lru_cache(maxsize=256)
def bounds(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """Return the bound of |Z| at each look, for looks at these shares of the data, up to 1.

    `fractions` increase, and `alpha` is the two-sided error over all looks. Z is standard normal
    at each look where the null hypothesis holds.
    """
    found: list[float] = []
    # The score Z * sqrt(share) is a Brownian motion: where it may be while nothing is decided.
    places, masses, start = np.zeros(1), np.ones(1), 0.0
    for share in fractions:
        due, step = spent(share, alpha) - spent(start, alpha), math.sqrt(share - start)

        def excess(end: float, before: Before = (places, masses, step, due)) -> float:
            places, masses, step, due = before
            inner, outer = (scipy.special.ndtr((side * places - end) / step) for side in (-1, 1))
            return float((inner + outer) @ masses) - due

        end = float(scipy.optimize.brentq(excess, 0.0, _FARTHEST, xtol=1e-12))
        found.append(end / math.sqrt(share))
        density = _density((end * _NODES[:, None] - places) / step) / step
        places, masses, start = end * _NODES, end * _WEIGHTS * (density @ masses), share
    return tuple(found)


def _density(z: Any) -> Any:
    return np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def p_value(p: float, number: int, fractions: tuple[float, ...]) -> float:
    """Return the least error over all looks at which a p-value at one of them, from 0, decides.

    Where the null hypothesis holds, it is at most alpha with a probability of alpha, whenever one
    stops (Jennison and Turnbull, chapter 9). What is below _LEAST_P counts as that.
    """
    wanted = math.log(max(p, _LEAST_P))

    def excess(log_alpha: float) -> float:
        bound = bounds(fractions, math.exp(log_alpha))[number]
        return math.log(2) + float(scipy.special.log_ndtr(-bound)) - wanted

    # No look decides with more than the whole error.
    low, high = wanted - 1e-6, -1e-6
    if low >= high or excess(high) <= 0:
        return 1.0
    return math.exp(scipy.optimize.brentq(excess, low, high, xtol=1e-6))


def levels(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """Return the confidence of the interval at each look, so that all of them hold together."""
    return tuple(1 - 2 * normal_tail(bound) for bound in bounds(fractions, alpha))
