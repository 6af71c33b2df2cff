"""The difference of two edges whose trials share rounds: what a round does to both cancels.

To the model of edge.py, each round adds one normal shift of both targets' edges, of an unknown
standard deviation: a probit with a random intercept (Anderson and Aitkin, "Variance component
models with binary response", Journal of the Royal Statistical Society B 47, 1985), whose integral
is a Gauss-Hermite sum. The interval is edge.py's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dragstrip.stats.edge import PARAMETERS, Edge, edge, interval, log_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dragstrip.stats.edge import Trial

_SHIFTS = np.array([0.0, 0.02, 0.05, 0.1, 0.2])
"""Of the rounds, as standard deviations of the logarithm; 0 where rounds are all alike."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_SPREADS = np.array([0.005, 0.02, 0.05, 0.12, 0.3])
_STEPS = 20
"""From an estimate to the end of its grid."""
_NEAR, _FAR = 0.1, 0.7


class _Side(NamedTuple):
    edges: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    """By spread, shift, round, edge and node."""


def difference(baseline: Sequence[Trial], challenger: Sequence[Trial]) -> Edge | None:
    """Return the challenger's edge minus the baseline's: the logarithm of their ratio.

    None where nothing of either was kept, or nothing was broken.
    """
    one, other = edge(baseline), edge(challenger)
    if one is None or other is None:
        return None
    ends = [abs(end - found.value) for found in (one, other) for end in (found.low, found.high)]
    reach = float(np.clip(1.2 * max(ends), _NEAR, _FAR))
    rounds = sorted({trial.round for trial in (*baseline, *challenger)})
    first = _side(baseline, one.value, reach, rounds)
    second = _side(challenger, other.value, reach, rounds)
    weighted = first.likelihood[:, None] * (_WEIGHTS / _WEIGHTS.sum())
    both = weighted @ second.likelihood[None].swapaxes(-1, -2)
    log = np.log(both).sum(axis=3).max(axis=(0, 1, 2))
    # For each difference the best pair of edges that have it: a maximum over the diagonals.
    count = len(first.edges)
    shifts = np.subtract.outer(np.arange(count)[::-1], -np.arange(count)).ravel()
    best = np.full(2 * count - 1, -np.inf)
    np.maximum.at(best, shifts, log.ravel())
    apart = other.value - one.value + np.linspace(-2 * reach, 2 * reach, 2 * count - 1)
    return interval(apart, best, len(baseline) + len(challenger) - 2 * PARAMETERS)


def _side(trials: Sequence[Trial], middle: float, reach: float, rounds: Sequence[int]) -> _Side:
    edges = middle + np.linspace(-reach, reach, 2 * _STEPS + 1)
    x, kept = (np.array([getattr(one, name) for one in trials]) for name in ("log_rate", "kept"))
    moved = edges[:, None] + (_SHIFTS[:, None] * _NODES)[:, None, :]
    z = (moved[..., None] - x) / _SPREADS[:, None, None, None, None]
    log = kept * log_normal(z) + (1 - kept) * log_normal(-z)
    of_round = np.equal.outer([one.round for one in trials], rounds)
    return _Side(edges, np.exp(np.moveaxis(log @ of_round, -1, 2)))
