"""Where P(kept | rate) falls through one half: a probit on log rate, with likelihood intervals.

P(kept | x) = Phi((edge - x) / spread), as for the lethal doses of Finney, "Probit Analysis"
(1947). Trials come from an up-and-down staircase (Dixon and Mood, "A method for obtaining and
analyzing sensitivity data", Journal of the American Statistical Association 43, 1948). The interval
holds every edge whose profile likelihood is near enough to the best one's, which stays finite where
kept and broken rates do not overlap (Venzon and Moolgavkar, "A method for computing
profile-likelihood-based confidence intervals", Applied Statistics 37, 1988). Near enough is what
Student's t says of so few trials, and a fifth more. `benchmarks.inference` has the coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from dragstrip.stats.t_interval import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPREADS = np.geomspace(0.0005, 0.5, 16)
"""Of a target's edge from slice to slice, as a standard deviation of the logarithm."""

_WIDER = 1.2
"""Of the deviance: what simulated noisy targets need to be covered as often as is said."""
_PER_STEP = 0.005
_BEYOND = 0.7
_PARAMETERS = 2
_Z = np.linspace(-12, 8, 512)
_LOG_PHI = scipy.special.log_ndtr(_Z)


@dataclass(frozen=True, slots=True)
class Trial:
    """A slice at the logarithm of a rate, and how likely it kept: 1 and 0 where that is certain.

    A likelihood of such weights is that of a coin tossed for each slice, averaged on the log scale.
    """

    log_rate: float
    kept: float


@dataclass(frozen=True, slots=True)
class Edge:
    """An estimate with the ends of its 95 % interval, as logarithms.

    An end is infinite where the trials do not bound it.
    """

    value: float
    low: float
    high: float


def edge(trials: Sequence[Trial]) -> Edge | None:
    """Return the edge of a target; None where nothing was kept, or nothing was broken."""
    if not _brackets(trials):
        return None
    grid = _grid(trials)
    return _interval(grid, profile(trials, grid), len(trials) - _PARAMETERS)


def difference(baseline: Sequence[Trial], challenger: Sequence[Trial]) -> Edge | None:
    """Return the challenger's edge minus the baseline's: the logarithm of their ratio.

    Both profiles together, as if the two were independent. What the rounds that they share do to
    both alike makes the interval longer than it need be, not shorter. None as `edge`.
    """
    if not (_brackets(baseline) and _brackets(challenger)):
        return None
    one, other = _grid(baseline), _grid(challenger)
    first, second = profile(baseline, one), profile(challenger, other)
    # For each difference the best pair of edges that have it: a maximum over the diagonals.
    both = second[:, None] + first[None, ::-1]
    count = len(first)
    shifts = np.add.outer(np.arange(len(other)), np.arange(count)).ravel()
    best = np.full(len(other) + count - 1, -np.inf)
    np.maximum.at(best, shifts, both.ravel())
    apart = (other[0] - one[-1]) + _PER_STEP * np.arange(len(best))
    freedom = len(baseline) + len(challenger) - 2 * _PARAMETERS
    return _interval(apart, best, freedom)


def profile(trials: Sequence[Trial], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log likelihood of each edge in the grid, with the spread that suits it best."""
    x = np.array([one.log_rate for one in trials])
    kept = np.array([one.kept for one in trials])
    z = (grid[:, None, None] - x) / SPREADS[:, None]
    log = _log_normal(z) @ kept + _log_normal(-z) @ (1 - kept)
    found: NDArray[np.float64] = log.max(axis=1)
    return found


def _log_normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log Phi, between 512 known values; below them nothing is likely enough to matter."""
    found: NDArray[np.float64] = np.interp(z, _Z, _LOG_PHI)
    return found


def _brackets(trials: Sequence[Trial]) -> bool:
    return any(one.kept > 0.5 for one in trials) and any(one.kept < 0.5 for one in trials)


def _grid(trials: Sequence[Trial]) -> NDArray[np.float64]:
    rates = [one.log_rate for one in trials]
    return np.arange(min(rates) - _BEYOND, max(rates) + _BEYOND, _PER_STEP)


def _interval(grid: NDArray[np.float64], log: NDArray[np.float64], freedom: int) -> Edge:
    reach = float(scipy.special.stdtrit(max(freedom, 1), (1 + CONFIDENCE) / 2))
    within = np.flatnonzero(2 * (log.max() - log) <= _WIDER * reach**2)
    # Where kept and broken rates leave a gap, every edge in it is as likely: its middle.
    best = np.flatnonzero(log.max() - log <= 1e-6)
    # Outwards to the next value of the grid: the end lies before it.
    low = float(grid[within[0] - 1]) if within[0] > 0 else -np.inf
    high = float(grid[within[-1] + 1]) if within[-1] < len(grid) - 1 else np.inf
    return Edge(float(grid[best].mean()), low, high)
