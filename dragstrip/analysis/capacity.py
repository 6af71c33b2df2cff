"""From a search's slices to what each target carries, the ratio and the verdict."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from dragstrip.analysis.capacity_model import (
    Capacity,
    CapacityObjective,
    CapacitySlice,
    CapacityTarget,
)
from dragstrip.analysis.operations import decisive
from dragstrip.analysis.shared_facts import shared_facts
from dragstrip.stats.edge import Edge, Trial, edge
from dragstrip.stats.paired_edges import difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.capacity_model import CapacityWord, LimitedBy
    from dragstrip.run.model import Run
    from dragstrip.run.plan import Plan, PlannedTarget

MOST_VOID = 6
"""More void slices of a target than this, and the generator is what was found."""
FAR_BELOW = 0.9
"""Of the interval's low end: a target that breaks below this on the way down has hysteresis."""


class Bounds(NamedTuple):
    """Where a search looks, and for how long.

    `is_generators` says that the highest rate is what this machine can send.
    """

    lowest_per_s: float
    highest_per_s: float
    rounds: int
    is_generators: bool


class CapacityVerdict(NamedTuple):
    """The verdict with its reason, and the ratio with the ends of its interval."""

    word: CapacityWord
    reason: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def trials_of(slices: Sequence[CapacitySlice], target: str) -> list[Trial]:
    """Return the trials that decide a target's capacity."""
    return [
        Trial(math.log(one.rate_per_s), one.kept, one.round)
        for one in slices
        if one.target == target and one.phase == "search" and one.outcome != "void"
    ]


def conclude(
    plan: Plan,
    facts: Run,
    slices: Sequence[CapacitySlice],
    bounds: Bounds,
    findings: Sequence[str],
    *,
    interrupted: bool,
) -> Capacity:
    """Return what a search came to; `facts` are of a race of the same targets and settings.

    `findings` say what was wrong with the targets afterwards.
    """
    names = (facts.baseline, facts.challenger)
    targets = {one.name: capacity_of(one, slices, bounds) for one in plan.targets}
    if findings:
        judged = CapacityVerdict("invalid", "; ".join(findings))
    elif interrupted:
        judged = CapacityVerdict("invalid", "the search was interrupted")
    else:
        judged = verdict(names, targets, slices)
    race, rules = plan.race, plan.rules
    return Capacity(
        **shared_facts(facts),
        ended=datetime.now(UTC),
        interrupted=interrupted,
        verdict=judged.word,
        reason=judged.reason,
        ratio=judged.ratio,
        low=judged.low,
        high=judged.high,
        objective=CapacityObjective(
            metric=rules.metric,
            slo_ms=rules.slo_ms,
            max_error_rate=rules.max_error_rate,
            operation=decisive(plan.operations, rules.operation),
        ),
        lowest_per_s=bounds.lowest_per_s,
        highest_per_s=bounds.highest_per_s,
        rounds=bounds.rounds,
        slice_s=race.slice,
        warmup_s=race.warmup,
        targets=targets,
        slices=list(slices),
    )


def capacity_of(
    target: PlannedTarget, slices: Sequence[CapacitySlice], bounds: Bounds
) -> CapacityTarget:
    """Return what a target carries, by its slices."""
    own = [one for one in slices if one.target == target.name]
    trials = trials_of(slices, target.name)
    found = edge(trials)
    value, low, high = _bounds(trials, found)
    limited_by = _limited_by(own, found, trials, bounds)
    recovers = next((one.rate_per_s for one in own if _recovered(one)), None)
    return CapacityTarget(
        kind=target.kind,
        url=target.url,
        capacity_per_s=value,
        low=low,
        high=high,
        limited_by=limited_by,
        limit_per_s=_limit_per_s(own) if limited_by == "target-limit" else None,
        recovers_at_per_s=recovers,
        requests=sum(one.requests for one in own),
        remarks=_remarks(own, low, recovers),
    )


def verdict(
    names: tuple[str, str], targets: dict[str, CapacityTarget], slices: Sequence[CapacitySlice]
) -> CapacityVerdict:
    """Return whether the challenger carries more; `names` are (baseline, challenger)."""
    baseline, challenger = (targets[name] for name in names)
    blamed = [name for name in names if targets[name].limited_by == "generator"]
    if blamed:
        return CapacityVerdict(
            "invalid", f"the generator was the limit of {' and '.join(blamed)}, not the target"
        )
    unknown = [name for name in names if targets[name].low is targets[name].high is None]
    if unknown:
        return CapacityVerdict("invalid", f"too few slices of {' and '.join(unknown)} to tell")
    ratio, low, high = _ratio(names, slices) or _from_ends(baseline, challenger)
    if low is not None and low > 1:
        word: CapacityWord = "more"
    elif high is not None and high < 1:
        word = "less"
    else:
        return CapacityVerdict("inconclusive", "the interval holds 1", ratio, low, high)
    return CapacityVerdict(word, "the whole interval lies on one side of 1", ratio, low, high)


def _bounds(
    trials: Sequence[Trial], found: Edge | None
) -> tuple[float | None, float | None, float | None]:
    if found:
        return math.exp(found.value), _finite(found.low), _finite(found.high)
    rates = [math.exp(one.log_rate) for one in trials]
    if not rates:
        return None, None, None
    return (None, max(rates), None) if trials[-1].kept >= 0.5 else (None, 0.0, min(rates))


def _finite(logarithm: float) -> float | None:
    return math.exp(logarithm) if math.isfinite(logarithm) else None


def _limited_by(
    own: Sequence[CapacitySlice],
    found: Edge | None,
    trials: Sequence[Trial],
    bounds: Bounds,
) -> LimitedBy:
    if sum(one.outcome == "void" for one in own if one.phase == "search") > MOST_VOID:
        return "generator"
    if not found and (not trials or trials[-1].kept >= 0.5):
        return "generator" if bounds.is_generators else "not-reached"
    causes = Counter(one.broken_by for one in own if one.phase == "search" and one.broken_by)
    causes.pop("generator", None)
    return causes.most_common(1)[0][0] if causes else "objective"


def _limit_per_s(own: Sequence[CapacitySlice]) -> float:
    turned_away = [one for one in own if one.broken_by == "target-limit" and one.requests]
    # Just beyond its limit a target may turn away a burst; far beyond, it gives all that it gives.
    middle = median(one.rate_per_s for one in turned_away)
    return median(
        one.verified / one.requests * one.offered_per_s
        for one in turned_away
        if one.rate_per_s >= middle
    )


def _recovered(one: CapacitySlice) -> bool:
    return one.phase == "descent" and one.outcome != "void" and one.kept >= 0.5


def _remarks(own: Sequence[CapacitySlice], low: float | None, recovers: float | None) -> list[str]:
    broke = [one.rate_per_s for one in own if one.phase == "descent" and one.outcome == "broken"]
    if not (low and broke and min(broke) < FAR_BELOW * low):
        return []
    if recovers is None:
        return [f"hysteresis: once overloaded, it does not recover down to {min(broke):,.0f}/s"]
    return [f"hysteresis: once overloaded, it recovers only at {recovers:,.0f}/s"]


def _ratio(
    names: tuple[str, str], slices: Sequence[CapacitySlice]
) -> tuple[float | None, float | None, float | None] | None:
    found = difference(*(trials_of(slices, name) for name in names))
    if found is None:
        return None
    return math.exp(found.value), _finite(found.low), _finite(found.high)


def _from_ends(
    baseline: CapacityTarget, challenger: CapacityTarget
) -> tuple[None, float | None, float | None]:
    """Bound the ratio by what is known of each, where one broke at once or never."""
    low = challenger.low / baseline.high if challenger.low and baseline.high else None
    high = challenger.high / baseline.low if challenger.high and baseline.low else None
    return None, low, high
