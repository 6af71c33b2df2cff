"""Which rate a target is asked to carry next: doubling to the edge, then up and down around it.

An up-and-down staircase on the logarithm of the rate (Dixon and Mood, 1948), whose step is halved
at each reversal until it is _LEAST_STEP, as stochastic approximation does (Kesten, "Accelerated
stochastic approximation", Annals of Mathematical Statistics 29, 1958), and doubled after three
moves one way (PEST: Taylor and Creelman, Journal of the Acoustical Society of America 41, 1967).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from dragstrip.stats.edge import Trial

_FIRST_STEP = math.log(2) / 2
_LEAST_STEP = 0.04
_ONE_WAY = 3
SURE = 2
"""So many slices must agree that a target breaks at the lowest rate, or holds the highest."""

Bound = Literal["lowest", "highest"]


@dataclass(slots=True)
class Search:
    """The search for one target's edge. `rate` is what to ask next, None when it is over.

    `rounds` slices follow the first that breaks. `stuck_at` is the bound at which the target breaks
    already, or still holds.
    """

    lowest: float
    highest: float
    rounds: int
    rate: float | None = None
    stuck_at: Bound | None = None
    trials: list[Trial] = field(default_factory=list)
    _step: float = 0.0
    _rose: bool | None = None
    _played: int = 0
    _moves: int = 0
    """In one direction."""

    def __post_init__(self) -> None:
        self.rate = self.lowest

    @property
    def is_bracketing(self) -> bool:
        """Whether the target has not broken yet."""
        return not self._step

    def see(self, kept: float) -> None:
        """Take in how likely the slice at `rate` kept the objective."""
        if self.rate is not None:
            self.trials.append(Trial(math.log(self.rate), kept, len(self.trials)))
            self.rate = self._next(self.rate, kept=kept >= 0.5)

    def _next(self, rate: float, *, kept: bool) -> float | None:
        if self._is_stuck(rate, kept=kept):
            return None
        if self.is_bracketing:
            if kept:
                return min(2 * rate, self.highest)
            if rate > self.lowest:
                self._step, self._rose = _FIRST_STEP, False
            else:
                return rate
        else:
            self._played += 1
            self._moves = self._moves + 1 if kept == self._rose else 1
            if kept != self._rose:
                self._step = max(self._step / 2, _LEAST_STEP)
            elif self._moves % _ONE_WAY == 0:
                self._step = min(self._step * 2, _FIRST_STEP)
            self._rose = kept
        if self._played >= self.rounds:
            return None
        moved = rate * math.exp(self._step if kept else -self._step)
        return min(max(moved, self.lowest), self.highest)

    def _is_stuck(self, rate: float, *, kept: bool) -> bool:
        if rate != (self.highest if kept else self.lowest):
            return False
        last = [one.kept >= 0.5 for one in self.trials[-SURE:] if one.log_rate == math.log(rate)]
        if last != [kept] * SURE:
            return False
        self.stuck_at = "highest" if kept else "lowest"
        return True
