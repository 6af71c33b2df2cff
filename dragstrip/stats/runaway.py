"""Whether a queue grows without end: GuideLLM's test of a step that is over-saturated.

Both the number of requests in flight and their latency must rise, each by a regression on time
whose slope is above 0 at 95 % (GuideLLM, "over-saturation detection", 2025). A slice that is over
before its queue is long shows so that it cannot be kept up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dragstrip.stats.probability import student_quantile
from dragstrip.stats.t_interval import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values = Sequence[float] | NDArray[np.float64]

SUSTAINED_S = 60.0
"""What a target carries, it carries for so long."""
_BY_CHANCE = 0.25
"""Of the standard deviation of the number of arrivals."""
LEAST = 8
"""Of fewer looks, any three in a row would rise."""


def runs_away(times_s: Values, in_flight: Values, latency_ms: Values) -> bool:
    """Tell whether both series rise; all have one value per look. False with fewer than LEAST."""
    return len(times_s) >= LEAST and all(_rises(times_s, one) for one in (in_flight, latency_ms))


def outgrows(
    times_s: Values,
    in_flight: Values,
    latency_ms: Values,
    *,
    rate_per_s: float,
    bound_ms: float,
) -> bool:
    """Tell whether both series rise so fast that waiting exceeds the bound within SUSTAINED_S.

    By Little's law the requests in flight wait as long as they take to arrive. A rise that the
    chance of Poisson arrivals explains does not count.
    """
    if not runs_away(times_s, in_flight, latency_ms):
        return False
    rise_per_s, lasted_s = _line(times_s, in_flight).slope, times_s[-1] - times_s[0]
    if rise_per_s * lasted_s < _BY_CHANCE * math.sqrt(rate_per_s * lasted_s):
        return False
    later = float(np.mean(in_flight)) + SUSTAINED_S * rise_per_s
    return 1000 * later / rate_per_s > bound_ms


class _Line(NamedTuple):
    slope: float
    error: float
    freedom: int


def _rises(times_s: Values, values: Values) -> bool:
    line = _line(times_s, values)
    reach = student_quantile(CONFIDENCE, line.freedom)
    return line.slope > reach * line.error


def _line(times_s: Values, values: Values) -> _Line:
    x, y = np.asarray(times_s, float), np.asarray(values, float)
    x, y = x - x.mean(), y - y.mean()
    spread, freedom = float(x @ x), len(x) - 2
    if spread == 0:
        return _Line(0.0, 0.0, freedom)
    slope = float(x @ y) / spread
    residual = float(np.sum((y - slope * x) ** 2)) / freedom
    return _Line(slope, math.sqrt(residual / spread), freedom)
