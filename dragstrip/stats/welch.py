"""Two means that were not measured in pairs: the interval of their difference.

Welch, "The generalization of 'Student's' problem when several different population variances are
involved", Biometrika 34 (1947), with the degrees of freedom of Satterthwaite, "An approximate
distribution of estimates of variance components", Biometrics Bulletin 2 (1946). The latter holds
for any sum of independent variances, so that one more can be added: what means of the same thing
differ by when they are measured at two times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dragstrip.stats.probability import student_quantile
from dragstrip.stats.t_interval import CONFIDENCE, Mean


@dataclass(frozen=True, slots=True)
class Between:
    """How far the means of repeated runs lie apart, beyond the scatter within each run.

    `deviation` is a standard deviation in the unit of the values, found from `freedom` + 1 runs.
    """

    deviation: float
    freedom: int


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """newer - older, in the unit of the values, with its standard error."""

    value: float
    standard_error: float
    freedom: float

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Half the length of the two-sided confidence interval."""
        return student_quantile((1 + confidence) / 2, self.freedom) * self.standard_error

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The two-sided confidence interval."""
        half = self.half_width(confidence)
        return self.value - half, self.value + half


def difference(older: Mean, newer: Mean, between: Between | None = None) -> MeanDifference:
    """Compare two means of independent values, two or more each.

    `between` widens the interval by what two runs differ by; without it the interval only holds for
    the two stretches of time in which they were made.
    """
    parts = [(one.deviation**2 / one.count, one.count - 1) for one in (older, newer)]
    if between is not None:
        parts.append((2 * between.deviation**2, between.freedom))
    total = sum(variance for variance, _ in parts)
    return MeanDifference(newer.value - older.value, math.sqrt(total), _freedom(parts, total))


def _freedom(parts: list[tuple[float, int]], total: float) -> float:
    if total == 0:
        return float(sum(freedom for _, freedom in parts))
    # Shares, not variances: the squares of small ones would vanish.
    return 1 / sum((variance / total) ** 2 / freedom for variance, freedom in parts)
