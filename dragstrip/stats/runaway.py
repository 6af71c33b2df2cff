"""Whether a queue grows without end: GuideLLM's test of a step that is over-saturated.

Both the number of requests in flight and their latency must rise, each by a regression on time
whose slope is above 0 at 97.5 % (GuideLLM, "over-saturation detection", 2025).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy

from dragstrip.stats.t_interval import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAST = 8
"""Of fewer looks, any three in a row would rise."""


def runs_away(
    times_s: Sequence[float], in_flight: Sequence[float], latency_ms: Sequence[float]
) -> bool:
    """Tell whether both series rise; all have one value per look. False with fewer than LEAST."""
    return len(times_s) >= LEAST and all(_rises(times_s, one) for one in (in_flight, latency_ms))


def _rises(times_s: Sequence[float], values: Sequence[float]) -> bool:
    x, y = np.asarray(times_s, float), np.asarray(values, float)
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    if spread == 0:
        return False
    slope = float(x @ y) / spread
    residual = float(np.sum((y - slope * x) ** 2)) / (len(x) - 2)
    reach = float(scipy.special.stdtrit(len(x) - 2, (1 + CONFIDENCE) / 2))
    return slope > reach * math.sqrt(residual / spread)
