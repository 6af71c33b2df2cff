"""Pairs that resemble their neighbours, or drift: found, and merged until they no longer do.

A t-interval takes its values for independent. Where a target's state outlives a slice, neighbouring
pairs are alike and the interval is too short. Two tests look for that:

- serial correlation by the rank version of von Neumann's ratio (Bartels, Journal of the American
  Statistical Association 77, 1982), one-sided: only likeness shortens the interval, while the
  alternation that a drift causes in ABBA order lengthens it;
- trend by Mann's test (Econometrica 13, 1945), which is Kendall's tau against time, two-sided.

Where one of them speaks, neighbours are averaged two by two, as batch means are (Conway, Management
Science 10, 1963), and both are asked again: averages over more time depend less on each other.

The level is 0.10, above the usual, since the two errors cost unlike amounts: merging without need
widens the interval by a tenth at 6 pairs and less beyond, not merging in need makes it untrue.
Three merged pairs are the fewest that are used; the t-interval over so few is wide, and owns it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.stats.probability import beta_share, kendall_p, ranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVEL = 0.10
LEAST = 3
"""Merged values that are worth an interval."""
_TESTED = 4
"""Of fewer values, no order is rare enough to tell anything."""
_DECIMALS = 12
"""Of log ratios: rounding makes no order among equals."""


@dataclass(frozen=True, slots=True)
class DependenceEvidence:
    """P-values of the two tests against independence."""

    serial: float
    trend: float

    @property
    def findings(self) -> list[str]:
        """What speaks against independence, in words."""
        found = []
        if self.serial <= LEVEL:
            found.append(f"neighbouring pairs are alike (p = {self.serial:.2g})")
        if self.trend <= LEVEL:
            found.append(f"the ratio drifts (p = {self.trend:.2g})")
        return found


@dataclass(frozen=True, slots=True)
class Merged:
    """What the interval is made from: the log ratios of pairs, or averages of neighbours.

    `size` pairs went into each value; where that does not divide their number, more into the last.
    `before` is the evidence in the pairs, `after` that in the values.
    """

    values: NDArray[np.float64]
    pairs: int
    size: int
    before: DependenceEvidence
    after: DependenceEvidence

    @property
    def merged(self) -> int:
        """By how many values merging made them fewer."""
        return self.pairs - len(self.values)

    @property
    def reason(self) -> str | None:
        """What spoke against independent pairs; None when nothing did."""
        return " and ".join(self.before.findings) or None

    @property
    def resolved(self) -> bool:
        """Whether nothing speaks against independent values; if not, too few were left to merge."""
        return not self.after.findings


def merge(log_ratios: Sequence[float] | NDArray[np.float64]) -> Merged:
    """Average neighbouring pairs until both tests pass or fewer than three would remain.

    `log_ratios` has shape (pairs,), in the order in which they ran. Raises ValueError when it has
    fewer than two values or one that is not finite.
    """
    values = np.asarray(log_ratios, float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("two finite log ratios or more are needed, in one row")
    pairs, size = len(values), 1
    before = after = examine(values)
    while after.findings and len(values) // 2 >= LEAST:
        values, size = halve(values), size * 2
        after = examine(values)
    return Merged(values, pairs, size, before, after)


def examine(values: NDArray[np.float64]) -> DependenceEvidence:
    """Return both p-values for values of shape (n,) in the order of time; 1 where n < 4."""
    rounded = values.round(_DECIMALS)
    if len(values) < _TESTED or np.ptp(rounded) == 0:
        return DependenceEvidence(1.0, 1.0)
    return DependenceEvidence(serial_p_value(rounded), kendall_p(rounded))


def serial_p_value(values: NDArray[np.float64]) -> float:
    """Return the one-sided p-value of Bartels' test against likeness of neighbours.

    `values` has shape (n,) with n >= 4 and not all equal. The null distribution is Bartels' beta
    approximation on (0, 4); at a level of 0.10 its true size is 0.08 at n = 6, 0.10 at n = 8.
    """
    n = len(values)
    places = ranks(values)
    ratio = float((np.diff(places) ** 2).sum() / ((places - places.mean()) ** 2).sum())
    shape = 5 * n * (n + 1) * (n - 1) ** 2 / (2 * (n - 2) * (5 * n**2 - 2 * n - 9)) - 0.5
    return beta_share(ratio / 4, shape, shape)


def halve(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average values two by two, shape (n,) to (n // 2,); an odd one out joins the last two."""
    count = len(values) // 2
    halved: NDArray[np.float64] = values[: 2 * count].reshape(count, 2).mean(axis=1)
    if len(values) % 2:
        halved[-1] = values[-3:].mean()
    return halved
