"""One target in two runs: has it become slower, or does it fail more, than is tolerated?

The slices of the target are what is sampled, as a race samples pairs. Two runs share no slices and
so no pairs: whatever the machine did differently at the two times is in the difference as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.analysis.operations import only
from dragstrip.analysis.ratio import MIN_PAIRS, detectable, fewest
from dragstrip.analysis.regression_model import Regression, RegressionWord, Side
from dragstrip.analysis.regression_model import UnlikeSetting as Stated
from dragstrip.stats.autocorrelation import LEVEL, Merged, merge
from dragstrip.stats.t_interval import mean_of
from dragstrip.stats.two_proportions import Proportion, effective, newcombe
from dragstrip.stats.welch import Between, MeanDifference, difference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.comparable import Unlike
    from dragstrip.config.config import Metric
    from dragstrip.run.model import Run, Slice

MIN_SLICES = MIN_PAIRS
"""Of either run; the tests for dependence tell nothing of fewer."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What is tolerated: `ratio` of the metric, newer/older, and `errors` more in all."""

    metric: Metric = "p95"
    ratio: float = 1.1
    errors: float = 0.001


@dataclass(frozen=True, slots=True)
class _Measured:
    """A target's slices in one run. `logs` is None where the metric does not exist in each."""

    slices: Sequence[Slice]
    logs: Merged | None
    errors: Proportion


@dataclass(frozen=True, slots=True)
class _Change:
    """What there is to decide on. `slices` are those of the run that has fewer."""

    slices: int
    older_exists: bool
    newer_exists: bool
    difference: MeanDifference | None
    errors: float
    error_ends: tuple[float, float]

    @property
    def ends(self) -> tuple[float, float]:
        """The interval of newer/older."""
        assert self.difference is not None  # noqa: S101
        low, high = self.difference.interval()
        return math.exp(low), math.exp(high)


def compare(
    older: Run,
    newer: Run,
    target: str,
    tolerance: Tolerance,
    *,
    operation: str | None = None,
    between: Between | None = None,
    unlike: Sequence[Unlike] = (),
) -> Regression:
    """Compare a target of two valid runs. `between` is what repeated runs differ by, as logs.

    Quantiles are of the `operation` alone, failures of all requests: no operation hides them.
    """
    old, new = (_measure(run, target, tolerance.metric, operation) for run in (older, newer))
    change = _change(old, new, between)
    word, reason = _decide(change, tolerance)
    found = change.difference
    low, high = change.ends if found else (None, None)
    return Regression(
        verdict=word,
        reason=reason,
        target=target,
        metric=tolerance.metric,
        operation=operation,
        tolerance=tolerance.ratio,
        error_tolerance=tolerance.errors,
        ratio=math.exp(found.value) if found else None,
        low=low,
        high=high,
        minimum_detectable_effect=_detectable(found) if found else None,
        slices_needed=_needed(old, new, between, tolerance) if word == "inconclusive" else None,
        error_difference=change.errors,
        error_low=change.error_ends[0],
        error_high=change.error_ends[1],
        between_runs=between.deviation if between else None,
        older=_side(older, target, operation, old),
        newer=_side(newer, target, operation, new),
        unlike=[Stated(what=one.what, older=one.older, newer=one.newer) for one in unlike],
        lab=older.lab or newer.lab,
    )


def _measure(run: Run, target: str, metric: Metric, operation: str | None) -> _Measured:
    slices = _slices(run, target)
    values = [one.quantile_ms(metric) or math.nan for one in _slices(only(run, operation), target)]
    exists = len(values) >= 2 and all(map(math.isfinite, values))
    due = [one.requests for one in slices]
    failed = [one.requests - one.verified for one in slices]
    return _Measured(slices, merge(np.log(values)) if exists else None, effective(failed, due))


def _slices(run: Run, target: str) -> list[Slice]:
    return sorted((one for one in run.slices if one.target == target), key=lambda s: s.index)


def _change(older: _Measured, newer: _Measured, between: Between | None) -> _Change:
    found = None
    if older.logs and newer.logs:
        found = difference(mean_of(older.logs.values), mean_of(newer.logs.values), between)
    return _Change(
        slices=min(len(older.slices), len(newer.slices)),
        older_exists=older.logs is not None,
        newer_exists=newer.logs is not None,
        difference=found,
        errors=newer.errors.share - older.errors.share,
        error_ends=newcombe(older.errors, newer.errors),
    )


def _decide(change: _Change, tolerance: Tolerance) -> tuple[RegressionWord, str]:
    """Return the verdict and why. Failures come first: no speed makes up for them."""
    if change.errors > tolerance.errors:
        more = f"{change.errors:.2%} more of its requests fail"
        if change.error_ends[0] > tolerance.errors:
            return "regression", f"{more}; {tolerance.errors:g} is tolerated"
        return "inconclusive", f"{more}: too few to tell whether more than {tolerance.errors:g} do"
    if change.slices < MIN_SLICES:
        return "inconclusive", f"{change.slices} slices in a run; {MIN_SLICES} are needed"
    if change.difference:
        return _by_interval(change, tolerance.ratio)
    if change.newer_exists and change.error_ends[1] < -tolerance.errors:
        return "improvement", f"{-change.errors:.2%} fewer of its requests fail"
    return "inconclusive", f"{tolerance.metric} does not exist in every slice: too many failures"


def _by_interval(change: _Change, tolerance: float) -> tuple[RegressionWord, str]:
    low, high = change.ends
    if low > tolerance:
        return "regression", f"the whole interval is above {tolerance:g}"
    if high < 1 / tolerance:
        return "improvement", f"the whole interval is below 1/{tolerance:g}"
    if high <= tolerance:
        return "no regression", f"the whole interval is at or below {tolerance:g}"
    return "inconclusive", f"the interval reaches beyond {tolerance:g}"


def _detectable(found: MeanDifference) -> float:
    return math.expm1(detectable(found.freedom) * found.standard_error)


def _needed(
    older: _Measured, newer: _Measured, between: Between | None, tolerance: Tolerance
) -> int | None:
    """Return how many slices in either run would have settled it; None if unknown or too many."""
    if not (older.slices and newer.slices):
        return None
    size = max(side.logs.size if side.logs else 1 for side in (older, newer))

    def settles(values: int) -> bool:
        grown = _grown(older, newer, between, values, values * size)
        return _decide(grown, tolerance)[0] != "inconclusive"

    start = max(len(side.slices) // size for side in (older, newer))
    values = fewest(settles, start)
    return values and values * size


def _grown(
    older: _Measured, newer: _Measured, between: Between | None, values: int, slices: int
) -> _Change:
    """Return the change as it would be with so many values of the same scatter in either run."""
    change = _change(older, newer, between)
    if older.logs and newer.logs:
        old, new = (
            replace(mean_of(logs.values), count=values) for logs in (older.logs, newer.logs)
        )
        change = replace(change, difference=difference(old, new, between))
    ends = newcombe(_times(older, slices), _times(newer, slices))
    return replace(change, slices=slices, error_ends=ends)


def _times(side: _Measured, slices: int) -> Proportion:
    share = slices / len(side.slices)
    return Proportion(side.errors.failed * share, side.errors.total * share)


def _side(run: Run, target: str, operation: str | None, measured: _Measured) -> Side:
    total, timed = run.targets[target], only(run, operation).targets[target]
    logs = measured.logs
    return Side(
        run=run.id,
        started=run.started,
        requests=total.requests,
        failed=total.failed,
        error_rate=total.error_rate,
        p50_ms=timed.p50_ms,
        p95_ms=timed.p95_ms,
        p99_ms=timed.p99_ms,
        typical_ms=math.exp(mean_of(logs.values).value) if logs else None,
        slices=len(measured.slices),
        values=len(logs.values) if logs else 0,
        dependent=_dependence(logs) if logs else None,
    )


def _dependence(logs: Merged) -> str | None:
    found = []
    if logs.before.serial <= LEVEL:
        found.append(f"neighbouring slices are alike (p = {logs.before.serial:.2g})")
    if logs.before.trend <= LEVEL:
        found.append(f"it drifts (p = {logs.before.trend:.2g})")
    return " and ".join(found) or None
