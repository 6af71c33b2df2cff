"""From a search's slice as reported to its outcome: kept, broken, too few to tell, or void."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from dragstrip.analysis import metrics
from dragstrip.analysis.aggregate import generator_of, tallies_of
from dragstrip.analysis.capacity_model import CapacitySlice
from dragstrip.analysis.gates import MOST_LAG_MS, MOST_LAG_SHARE
from dragstrip.analysis.metrics import QUANTILES
from dragstrip.analysis.operations import decisive
from dragstrip.ledger.rows import OF_THIS_MACHINE
from dragstrip.ledger.tally import merged
from dragstrip.stats import proportion
from dragstrip.stats.early_stopping import chance_kept, outcome
from dragstrip.stats.two_proportions import Proportion, effective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.capacity_model import LimitedBy, Phase, SliceOutcome
    from dragstrip.config.config import RulesConfig
    from dragstrip.ledger.tally import Tally
    from dragstrip.run.model import Generator
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import SliceReport

MOST_BEHIND = 0.01
"""Of the requests: so many may be sent only once the slice is over."""
MOST_CPU = 0.9

_TURNED_AWAY = "http_429"
_SLOW = ("unsent", "timeout", "first_byte_timeout")
"""Failures that are lateness: a request that waited in vain."""


class _Judged(NamedTuple):
    outcome: SliceOutcome
    kept: float
    broken_by: LimitedBy | None


def judge_slice(
    plan: Plan, slice_: PlannedSlice, report: SliceReport, phase: Phase
) -> CapacitySlice:
    """Return what a slice came to; `slice_` has the load that it was played with."""
    assert slice_.load is not None  # noqa: S101
    during, rules = plan.during(slice_).race, plan.rules
    tallies = tallies_of(report, slice_.target)
    whole = merged(tallies.by_place.values())
    over = _over(report)
    generator = generator_of(report, whole)
    cut, grew = (any(worker.get(name) for worker in report["workers"]) for name in ("cut", "grew"))
    judged = _judged(whole, over, generator, rules, grew=grew)
    name = decisive(plan.operations, rules.operation)
    part = (
        whole
        if name is None
        else tallies.of(slice_.target, [one.name for one in plan.operations].index(name))
    )
    return CapacitySlice(
        index=slice_.index,
        round=slice_.pair,
        target=plan.targets[slice_.target].name,
        rate_per_s=slice_.load.rate,
        phase=phase,
        started=datetime.fromtimestamp(report["started"], UTC),
        ended=datetime.fromtimestamp(report["ended"], UTC),
        outcome=judged.outcome,
        kept=judged.kept,
        over=sum(sum(one["over"]["over"]) for one in report["workers"] if "over" in one),
        effective_over=over.failed,
        effective_requests=over.total,
        broken_by=judged.broken_by,
        cut=cut,
        grew=grew,
        generator=generator,
        **metrics.figures(whole, _counted_s(report, during.warmup))
        | {q: part.quantile_ms(share) for q, share in QUANTILES.items()},
    )


def allowed(rules: RulesConfig) -> float:
    """Return the share of requests that may exceed slo_ms."""
    return 1 - QUANTILES[f"{rules.metric}_ms"]


def _over(report: SliceReport) -> Proportion:
    """Return the requests over the objective, divided by their design effect."""
    counts = [worker["over"] for worker in report["workers"] if "over" in worker]
    requests, over = (_sums([one[name] for one in counts]) for name in ("requests", "over"))
    return effective(over, requests)


def _sums(rows: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _counted_s(report: SliceReport, warmup_s: float) -> float:
    lasted_s = max(one["end_ns"] - one["start_ns"] for one in report["workers"]) / 1e9
    return max(lasted_s - warmup_s, 0.0)


def _judged(
    whole: Tally, over: Proportion, generator: Generator, rules: RulesConfig, *, grew: bool
) -> _Judged:
    share = allowed(rules)
    kept, word = chance_kept(over, share), outcome(over, share)
    broken_by: LimitedBy | None = None
    errors = whole.failures - sum(whole.failed.get(reason, 0) for reason in _SLOW)
    if _proves_over(rules.max_error_rate, errors, whole.requests):
        kept, word, broken_by = 0.0, "broken", "errors"
    elif grew or _proves_over(MOST_BEHIND, whole.requests - whole.on_time, whole.requests):
        kept, word = 0.0, "broken"
    if word == "broken" or kept < 0.5:
        if 2 * whole.failed.get(_TURNED_AWAY, 0) > errors:
            broken_by = "target-limit"
        broken_by = broken_by or "objective"
        # What was kept, was kept by a busy generator too; and lateness makes no errors.
        if _at_own_limits(whole) or (
            broken_by == "objective"
            and explains(generator, whole.quantile_ms(1 - share), rules.slo_ms)
        ):
            return _Judged("void", kept, "generator")
    return _Judged(word, kept, broken_by)


def _proves_over(limit: float, count: int, requests: int) -> bool:
    return proportion.against(limit, count, requests) == "over"


def _at_own_limits(whole: Tally) -> bool:
    return any(whole.failed.get(reason) for reason in OF_THIS_MACHINE)


def explains(generator: Generator, quantile_ms: float | None, slo_ms: float) -> bool:
    """Whether the target may have kept an objective that it missed, but for the generator.

    Its lateness is a part of the response time; null stands for a quantile that failed.
    """
    if (generator.cpu or 0.0) > MOST_CPU:
        return True
    lags = (generator.loop_lag_p99_ms or 0.0, generator.send_delay_p99_ms or 0.0)
    late = max(lags) > max(MOST_LAG_MS, MOST_LAG_SHARE * slo_ms)
    return late and quantile_ms is not None and quantile_ms - max(lags) <= slo_ms
