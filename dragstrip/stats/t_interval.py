"""Student's t over a few values that stand for one thing each: here, one pair or merged pairs.

Student, "The probable error of a mean", Biometrika 6 (1908). The values are taken as a sample of
independent draws whose mean is near enough to normal; dependence.py sees to the independence,
resample.py looks at the normality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.stats.probability import student_quantile, student_tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with the standard deviation (n - 1) and the number of the values, in their unit."""

    value: float
    deviation: float
    count: int

    @property
    def standard_error(self) -> float:
        """The standard deviation of the mean."""
        return self.deviation / math.sqrt(self.count)

    @property
    def t(self) -> float:
        """How many standard errors the mean is from 0, whichever side."""
        if self.standard_error == 0:
            return 0.0 if self.value == 0 else math.inf
        return abs(self.value) / self.standard_error

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the test that the true mean is 0."""
        return 2 * student_tail(self.t, self.count - 1)

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Half the length of the two-sided confidence interval."""
        return student_quantile((1 + confidence) / 2, self.count - 1) * self.standard_error

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The two-sided confidence interval."""
        half = self.half_width(confidence)
        return self.value - half, self.value + half


def mean_of(values: Sequence[float] | NDArray[np.float64]) -> Mean:
    """Describe at least two finite values. Raises ValueError."""
    array = np.asarray(values, float)
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all():
        raise ValueError("a t-interval needs two finite values or more, in one row")
    # What rounding leaves is not scatter: equal values have none.
    deviation = 0.0 if np.ptp(array) == 0 else float(array.std(ddof=1))
    return Mean(float(array.mean()), deviation, len(array))
