"""Whether values in the order of time rise or fall, and how steeply, where neighbours are alike.

The slope is the median of the slopes between all pairs of values (Theil, Proceedings of the Royal
Netherlands Academy of Sciences 53, 1950; Sen, Journal of the American Statistical Association 63,
1968): a few wild values do not move it. The test is Mann's (Econometrica 13, 1945), Kendall's S
against time. Neighbours that are alike make S vary more: its variance is multiplied as Hamed and
Rao do (Journal of Hydrology 204, 1998), for values without their trend (Yue and Wang, Water
Resources Management 18, 2004). Their autocorrelations are taken for those of a process of order
one, whose only parameter is corrected for its bias (Marriott and Pope, Biometrika 41, 1954), and
the quantile is Student's, with the degrees of freedom of as many independent values.
docs/statistics.md says how often that errs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dragstrip.stats.probability import kendall_variance, ranks, student_quantile, student_tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LEAST = 10
"""Values without which there is no trend to speak of."""
_MOST_LIKENESS = 0.95
_DECIMALS = 12
"""Rounding makes no order among equals."""


class Trend(NamedTuple):
    """A slope per unit of time with its 95 % interval, and the two-sided p-value of no trend.

    `tau` is Kendall's: how much more often a later value is greater than smaller. `likeness` is the
    correlation of neighbours that was allowed for.
    """

    slope: float
    low: float
    high: float
    p: float
    tau: float
    likeness: float


def trend(times: ArrayLike, values: ArrayLike) -> Trend:
    """Return the trend of values, shape (n,), at ascending times, shape (n,).

    An infinite value is greater than all others, and equal to one of its kind. Raises ValueError
    for fewer than LEAST values.
    """
    at, level = np.asarray(times, np.float64), np.asarray(values, np.float64)
    n = len(level)
    if n < LEAST or level.shape != at.shape:
        raise ValueError(f"a trend needs {LEAST} values or more, each with its time")
    later, earlier = np.tril_indices(n, -1)
    with np.errstate(invalid="ignore"):
        rises = np.nan_to_num(level[later] - level[earlier], nan=0.0, posinf=np.inf, neginf=-np.inf)
    slopes = rises / (at[later] - at[earlier])
    slope, there = float(np.median(slopes)), np.isfinite(level)
    finite = slopes[there[later] & there[earlier]]
    likeness = _likeness(at[there], level[there], float(np.median(finite)) if len(finite) else 0.0)
    factor = _inflation(n, likeness)
    deviation = float(np.sqrt(kendall_variance(level) * factor))
    freedom = max(n / factor - 2, 1.0)
    s = float(np.sign(rises).sum())
    if not deviation:
        return Trend(0.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    score = max(abs(s) - 1, 0.0) / deviation
    reach = student_quantile(0.975, freedom) * deviation
    first = int(np.floor((len(slopes) - reach) / 2)) - 1
    last = len(slopes) - 1 - first
    ranked = np.sort(slopes)
    return Trend(
        slope,
        low=float(ranked[first]) if first >= 0 else -np.inf,
        high=float(ranked[last]) if first >= 0 else np.inf,
        p=2 * student_tail(score, freedom),
        tau=s / len(slopes),
        likeness=likeness,
    )


def _likeness(at: Floats, level: Floats, slope: float) -> float:
    """Return the correlation of neighbours once the trend is taken out, and the bias of that."""
    rest = level - slope * at
    if len(rest) < LEAST:
        return 0.0
    places = ranks(rest.round(_DECIMALS))
    places -= places.mean()
    square = float((places**2).sum())
    if not square:
        return 0.0
    n = len(places)
    found = float((places[1:] * places[:-1]).sum()) / square
    return float(np.clip((n * found + 2) / (n - 4), 0.0, _MOST_LIKENESS))


def _inflation(n: int, likeness: float) -> float:
    """Return by how much likeness multiplies the variance of S (Hamed and Rao)."""
    lag = np.arange(1, n - 2, dtype=np.float64)
    weights = (n - lag) * (n - lag - 1) * (n - lag - 2)
    return 1 + 2 * float((weights * likeness**lag).sum()) / (n * (n - 1) * (n - 2))
