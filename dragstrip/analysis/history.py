"""Stored runs in the order they were made: what each came to, and how one target's quantile moved.

The value of a run is the geometric mean of its slices' quantile, with the 95 % interval that
`dragstrip race` holds against slo_ms. A run that is invalid proves nothing and has no value. The
newest that has one is what the others are held against: where they are unlike, a difference between
them says nothing about the target.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dragstrip.analysis.comparable import unlike
from dragstrip.analysis.gates import SAMPLES_NEEDED
from dragstrip.analysis.looks import level, planned
from dragstrip.analysis.operations import names_of, only
from dragstrip.analysis.slo import typical
from dragstrip.analysis.stored_searches import Carried  # noqa: TC001
from dragstrip.config.config import Metric  # noqa: TC001
from dragstrip.run.model import Count, Milliseconds, Word  # noqa: TC001
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.run.model import Run, Verdict


class Moment(StrictModel):
    """One stored run. `ratio` is of the quantile that its rule looks at; null when invalid.

    Of several operations, that is the quantile of `operation`. It is over so many `pairs`.

    `value_ms` is the target's own quantile in a typical slice, with its interval; null where there
    is none, and then `note` says why. `unlike` names the conditions in which it differs from the
    reference, and with which it cannot be compared therefore.
    """

    run: str
    started: datetime
    baseline: str
    challenger: str
    lab: bool
    closed_model: bool
    verdict: Word
    metric: Metric
    operation: str | None = None
    ratio: float | None
    low: float | None
    high: float | None
    pairs: Count
    value_ms: Milliseconds | None
    low_ms: Milliseconds | None
    high_ms: Milliseconds | None
    note: str | None
    unlike: list[str]


class Skipped(StrictModel):
    """What stands among the stored runs and is none, and why."""

    name: str
    reason: str


class History(StrictModel):
    """The runs in the order they were made. `reference` is the run that others are held against.

    Of several operations, the values are of `operation`; null for all requests. `searches` are
    those of `dragstrip capacity` that asked the target, in the order they were made.
    """

    schema_version: Literal[1] = 1
    target: str
    metric: Metric
    operation: str | None = None
    reference: str | None
    runs: list[Moment]
    skipped: list[Skipped]
    searches: list[Carried] = Field(default=[])


def history(
    stored: Sequence[tuple[Run, Verdict]],
    target: str,
    metric: Metric,
    skipped: Sequence[Skipped] = (),
    *,
    operation: str | None = None,
    searches: Sequence[Carried] = (),
) -> History:
    """Return what became of a target over these runs, in any order."""
    ordered = sorted(stored, key=lambda one: (one[0].started, one[0].id))
    values = [_value(run, verdict, target, metric, operation) for run, verdict in ordered]
    measured = [run for (run, _), value in zip(ordered, values, strict=True) if value[0]]
    reference = measured[-1] if measured else None
    return History(
        target=target,
        metric=metric,
        operation=operation,
        reference=reference.id if reference else None,
        runs=[
            _moment(run, verdict, value, _unlike(run, reference, target))
            for (run, verdict), value in zip(ordered, values, strict=True)
        ],
        skipped=list(skipped),
        searches=list(searches),
    )


Value = tuple[tuple[float, float, float] | None, str | None]


def _value(run: Run, verdict: Verdict, target: str, metric: Metric, operation: str | None) -> Value:
    """Return the value with its interval, or why there is none."""
    if not verdict.compares:
        failed = ", ".join(gate.name for gate in verdict.gates if not gate.passed)
        return None, f"{verdict.verdict}: {failed}" if failed else verdict.verdict
    if target not in run.targets:
        return None, f"no target {target}"
    if operation and operation not in names_of(run):
        return None, f"no operation {operation} beside others"
    slices = [one for one in only(run, operation).slices if one.target == target]
    if min((one.requests for one in slices), default=0) < SAMPLES_NEEDED[metric]:
        return None, f"too few requests a slice for {metric}"
    of_look = level(planned(run), len(run.slices) // 2)
    found = typical([one.quantile_ms(metric) or 0.0 for one in slices], of_look)
    return found, None if found else f"{metric} does not exist in every slice"


def _unlike(run: Run, reference: Run | None, target: str) -> list[str]:
    if reference is None or target not in run.targets:
        return []
    return [one.what for one in unlike(run, reference, target)]


def _moment(run: Run, verdict: Verdict, value: Value, differences: list[str]) -> Moment:
    found, note = value
    middle, low, high = found or (None, None, None)
    return Moment(
        run=run.id,
        started=run.started,
        baseline=run.baseline,
        challenger=run.challenger,
        lab=run.lab,
        closed_model=run.closed_model,
        verdict=verdict.verdict,
        metric=verdict.metric,
        operation=verdict.operation,
        ratio=verdict.ratio,
        low=verdict.low,
        high=verdict.high,
        pairs=verdict.pairs,
        value_ms=middle,
        low_ms=low,
        high_ms=high,
        note=note,
        unlike=differences,
    )
