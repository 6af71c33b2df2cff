"""Where P(kept | rate) falls through one half: a probit on log rate, with likelihood intervals.

P(kept | x) = Phi((edge - x) / spread), as for the lethal doses of Finney, "Probit Analysis"
(1947). Trials come from an up-and-down staircase (Dixon and Mood, "A method for obtaining and
analyzing sensitivity data", Journal of the American Statistical Association 43, 1948). The interval
holds every edge whose profile likelihood is near enough to the best one's, which stays finite where
kept and broken rates do not overlap (Venzon and Moolgavkar, "A method for computing
profile-likelihood-based confidence intervals", Applied Statistics 37, 1988). Near enough is what
Student's t says of so few trials, and three tenths more; to that comes a hundredth at each end.
`benchmarks.inference` has the coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from dragstrip.stats.probability import student_quantile
from dragstrip.stats.t_interval import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPREADS = np.geomspace(0.0005, 0.5, 16)
"""Of a target's edge from slice to slice, as a standard deviation of the logarithm."""

_WIDER = 1.3
"""Of the deviance: what simulated targets need to be covered as often as is said."""
_SYSTEMATIC = 0.01
"""Of each end: so much too high is a queue read in slices that are shorter than a long run."""
_PER_STEP = 0.005
_BEYOND = 0.7
PARAMETERS = 2
_Z = np.linspace(-12, 8, 512)
_LOG_PHI = scipy.special.log_ndtr(_Z)


@dataclass(frozen=True, slots=True)
class Trial:
    """A slice at the logarithm of a rate, and how likely it kept: 1 and 0 where that is certain.

    A likelihood of such weights is that of a coin tossed for each slice, averaged on the log scale.
    Both targets have a trial in most rounds.
    """

    log_rate: float
    kept: float
    round: int = 0


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
    return interval(grid, profile(trials, grid), len(trials) - PARAMETERS)


def profile(trials: Sequence[Trial], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log likelihood of each edge in the grid, with the spread that suits it best."""
    x = np.array([one.log_rate for one in trials])
    kept = np.array([one.kept for one in trials])
    z = (grid[:, None, None] - x) / SPREADS[:, None]
    log = log_normal(z) @ kept + log_normal(-z) @ (1 - kept)
    found: NDArray[np.float64] = log.max(axis=1)
    return found


def log_normal(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log Phi, between 512 known values; below them nothing is likely enough to matter."""
    found: NDArray[np.float64] = np.interp(z, _Z, _LOG_PHI)
    return found


def _brackets(trials: Sequence[Trial]) -> bool:
    return any(one.kept > 0.5 for one in trials) and any(one.kept < 0.5 for one in trials)


def _grid(trials: Sequence[Trial]) -> NDArray[np.float64]:
    rates = [one.log_rate for one in trials]
    return np.arange(min(rates) - _BEYOND, max(rates) + _BEYOND, _PER_STEP)


def interval(grid: NDArray[np.float64], log: NDArray[np.float64], freedom: int) -> Edge:
    """Return the best value of a grid and its interval, by the log likelihood of each value."""
    reach = student_quantile((1 + CONFIDENCE) / 2, max(freedom, 1))
    within = np.flatnonzero(2 * (log.max() - log) <= _WIDER * reach**2)
    # Where kept and broken rates leave a gap, every edge in it is as likely: its middle.
    best = np.flatnonzero(log.max() - log <= 1e-6)
    # Outwards to the next value of the grid: the end lies before it.
    low = float(grid[within[0] - 1]) if within[0] > 0 else -np.inf
    high = float(grid[within[-1] + 1]) if within[-1] < len(grid) - 1 else np.inf
    return Edge(float(grid[best].mean()), low - _SYSTEMATIC, high + _SYSTEMATIC)
