"""The metrics that the rule does not look at: the same paired t-test, corrected for their number.

Their intervals stand each for itself at 95 %; whether one of them tells the targets apart is for
the adjusted p-value to say.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.analysis.operations import names_of, only
from dragstrip.analysis.paired_values import MEASURES, SHARES, Measure, by_pair
from dragstrip.analysis.ratio import log_ratios
from dragstrip.run.model import Comparison
from dragstrip.stats.autocorrelation import merge
from dragstrip.stats.holm import holm
from dragstrip.stats.t_interval import Mean, mean_of

if TYPE_CHECKING:
    from dragstrip.config.config import Metric
    from dragstrip.run.model import Run


def secondary(run: Run, declared: Metric, operation: str | None = None) -> dict[str, Comparison]:
    """Compare the targets by every other metric that exists in every slice.

    `declared`, of `operation`, is the rule's. Of several operations, every metric of each is
    compared, and its name begins with the operation's. Reconnects are compared where there were
    any: else there is nothing to tell apart, and one more metric would only make Holm's correction
    harsher.
    """
    found: dict[str, tuple[Measure, Mean]] = {}
    names: list[str | None] = [*names_of(run)] or [None]
    for name in names:
        part = only(run, name)
        for measure in MEASURES:
            if (name, measure) == (operation, declared):
                continue
            mean = _mean(part, measure)
            if mean is not None:
                found[f"{name} {measure}" if name else measure] = (measure, mean)
    adjusted = holm({name: mean.p_value for name, (_, mean) in found.items()})
    return {
        name: _comparison(measure, mean, adjusted[name]) for name, (measure, mean) in found.items()
    }


def _mean(run: Run, measure: Measure) -> Mean | None:
    baseline, challenger = by_pair(run, measure)
    if measure == "reconnects" and not any(part.reconnected for part in run.slices):
        return None
    if measure not in SHARES:
        logs = log_ratios(baseline, challenger)
        return None if logs is None else mean_of(merge(logs).values)
    apart = np.array(challenger) - np.array(baseline)
    if len(apart) < 2 or not np.isfinite(apart).all():
        return None
    return mean_of(merge(apart).values)


def _comparison(measure: Measure, mean: Mean, p_adjusted: float) -> Comparison:
    low, high = mean.interval()
    ends = (mean.value, low, high)
    is_ratio = measure not in SHARES
    effect, low, high = (math.exp(one) for one in ends) if is_ratio else ends
    return Comparison(
        kind="ratio" if is_ratio else "difference",
        effect=effect,
        low=low,
        high=high,
        p=mean.p_value,
        p_adjusted=p_adjusted,
        pairs=mean.count,
    )
