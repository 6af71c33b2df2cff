"""The metrics that the rule does not look at: the same paired t-test, corrected for their number.

Their intervals stand each for itself at 95 %, over all looks where a race may end early; whether
one of them tells the targets apart is for the adjusted p-value to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dragstrip.analysis.looks import level, p_value, planned
from dragstrip.analysis.operations import names_of, only
from dragstrip.analysis.paired_values import MEASURES, SHARES, Measure, by_pair
from dragstrip.analysis.ratio import around, log_ratios
from dragstrip.run.model import Comparison
from dragstrip.stats.autocorrelation import merge
from dragstrip.stats.holm import holm
from dragstrip.stats.t_interval import Mean, mean_of

if TYPE_CHECKING:
    from dragstrip.analysis.looks import Level
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
    race, pairs = planned(run), len(run.slices) // 2
    of_look = level(race, pairs)
    raw = {name: p_value(mean, race, pairs) for name, (_, mean) in found.items()}
    adjusted = holm(raw)
    return {
        name: _comparison(measure, mean, of_look, raw[name], adjusted[name])
        for name, (measure, mean) in found.items()
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


def _comparison(
    measure: Measure, mean: Mean, of_look: Level, p: float, p_adjusted: float
) -> Comparison:
    confidence = of_look(mean.count)
    if measure in SHARES:
        low, high = mean.interval(confidence)
        # In this order: of what is not a number, the bound is taken.
        effect, low, high = mean.value, max(-1.0, low), min(1.0, high)
    else:
        found = around(mean, confidence)
        effect, low, high = found.ratio, found.low, found.high
    return Comparison(
        kind="difference" if measure in SHARES else "ratio",
        effect=effect,
        low=low,
        high=high,
        p=p,
        p_adjusted=p_adjusted,
        pairs=mean.count,
    )
