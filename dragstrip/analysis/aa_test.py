"""What races between a target and itself show: false alarms, and how far equal targets part.

An A/A test, as experimenters on the web call it (Kohavi, Tang and Xu, Trustworthy Online Controlled
Experiments, 2020, chapter 19): whatever it finds is the instrument's and the machine's.

Each run is cut into stretches of as many pairs as the smallest race has, and each stretch is judged
as a race would be. Neighbouring stretches are taken as independent, like batch means (Conway,
Management Science 10, 1963); six pairs are three whole rounds of the ABBA order, so that none
begins with another side's half. Runs are separate processes with connections of their own: what
only differs from run to run, such as which of the server's workers a connection fell to, shows
between them alone, and a race is one run. So the noise floor and the noise between runs are found
from the runs and not from the stretches.
"""

from __future__ import annotations

import math
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from dragstrip.analysis.ratio import MIN_PAIRS, Interval, interval
from dragstrip.stats.autocorrelation import merge
from dragstrip.stats.proportion import clopper_pearson
from dragstrip.stats.t_interval import CONFIDENCE, mean_of
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Sequence

PAIRS = MIN_PAIRS
"""In a stretch that is judged like a race."""
LEAST_RUNS = 3
"""Of fewer, the scatter between runs is anybody's guess."""

Pairs = list[tuple[float, float]]
"""A run's slice quantiles in ms: both sides of each pair, in the order they ran."""
Alarms = Literal["too often", "no more often than promised", "open"]

Positive = Annotated[float, Field(gt=0)]
Relative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class EqualTargets(StrictModel):
    """What equal targets came to in one metric; ratios and effects are of the metric.

    Of `stretches` races of `pairs` pairs, `alarms` told the sides apart, where 5 % should; the
    share has its Clopper-Pearson interval. `half_width` and `minimum_detectable_effect` are the
    medians of these races, relative. `ratio` with its 95 % interval is of all pairs, the run being
    what is sampled, and `noise_floor` the farther end of that interval: what is nearer to 1 may be
    the instrument's. `between_runs` is the standard deviation of the log by which runs as a whole
    differ beyond the scatter of their slices.
    """

    pairs: int = PAIRS
    stretches: int
    alarms: int
    alarm_low: Share
    alarm_high: Share
    half_width: Relative
    half_width_largest: Relative
    minimum_detectable_effect: Relative
    runs: int
    ratio: Positive
    low: Positive
    high: Positive
    noise_floor: Relative
    between_runs: Relative

    @property
    def standing(self) -> Alarms:
        """What the count of alarms allows to say about the promised 5 %."""
        if self.alarm_low > 1 - CONFIDENCE:
            return "too often"
        return "no more often than promised" if self.alarm_high <= TOLERATED else "open"


TOLERATED = 0.10
"""A share of false alarms that is told from 5 % by no affordable number of races."""


def same(runs: Sequence[Pairs]) -> EqualTargets | None:
    """Judge runs of a target against itself, each of PAIRS pairs or more.

    None with fewer than three runs, or where a quantile is not a positive finite number. Pairs
    beyond the last whole stretch count for the floor alone.
    """
    everything = np.array(list(chain.from_iterable(chain.from_iterable(runs))), float)
    if len(runs) < LEAST_RUNS or not (np.isfinite(everything).all() and (everything > 0).all()):
        return None
    found = [race for run in runs for race in _races(run) if race is not None]
    alarms = sum(not one.low <= 1 <= one.high for one in found)
    alarm_low, alarm_high = clopper_pearson(alarms, len(found))
    widths = [math.sqrt(one.high / one.low) - 1 for one in found]
    pooled = mean_of([float(np.mean(np.log(run) @ [-1, 1])) for run in runs])
    low, high = pooled.interval()
    return EqualTargets(
        stretches=len(found),
        alarms=alarms,
        alarm_low=alarm_low,
        alarm_high=alarm_high,
        half_width=median(widths),
        half_width_largest=max(widths),
        minimum_detectable_effect=median(one.minimum_detectable_effect for one in found),
        runs=len(runs),
        ratio=math.exp(pooled.value),
        low=math.exp(low),
        high=math.exp(high),
        noise_floor=math.expm1(max(-low, high)),
        between_runs=_between_runs(runs),
    )


def _races(run: Pairs) -> list[Interval | None]:
    stretches = (run[n : n + PAIRS] for n in range(0, len(run) - PAIRS + 1, PAIRS))
    return [interval(*zip(*stretch, strict=True)) for stretch in stretches]


def _between_runs(runs: Sequence[Pairs]) -> float:
    """Return the deviation of the runs' levels, less what the scatter of slices explains.

    The method of moments for a random effect (Searle, Casella and McCulloch, Variance Components,
    1992, section 3.6), with the slices merged first where they depend on each other.
    """
    levels = [mean_of(merge(np.log(list(chain.from_iterable(run)))).values) for run in runs]
    apart = np.var([level.value for level in levels], ddof=1)
    explained = np.mean([level.standard_error**2 for level in levels])
    return math.sqrt(max(float(apart - explained), 0.0))


def races_needed() -> int:
    """Return how many races without a false alarm prove them to be at most TOLERATED."""
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(1 - TOLERATED))
