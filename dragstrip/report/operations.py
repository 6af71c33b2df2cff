"""The table of a run with several operations: figures of each target, and their ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.numbers import NOTHING, count, milliseconds, ratio, unsaid
from dragstrip.analysis.operations import names_of, only
from dragstrip.analysis.paired_values import by_pair
from dragstrip.analysis.ratio import interval

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.analysis.ratio import Interval
    from dragstrip.config.config import Metric
    from dragstrip.run.model import OperationTotals, Run, Verdict

Row = tuple[str, str, str, str, str, str, str]

HEADS: Row = ("operation", "target", "requests", "failed", "p50", "p95", "p99")

_METRICS: tuple[Metric, ...] = ("p50", "p95", "p99")


def rows(run: Run, verdict: Verdict) -> list[Row]:
    """Return the rows under HEADS; none where there is only one operation.

    An invalid run compares nothing: it has no ratios.
    """
    return [row for name in names_of(run) for row in _of(run, verdict, name)]


def _of(run: Run, verdict: Verdict, operation: str) -> Iterator[Row]:
    label = operation
    for name in (run.baseline, run.challenger):
        yield _figures(label, name, run.targets[name].operations[operation])
        label = ""
    if not verdict.compares:
        return
    found = [_interval(run, operation, metric) for metric in _METRICS]
    shown = [one if one and not unsaid(one.low, one.high, verdict.pairs) else None for one in found]
    p50, p95, p99 = (ratio(one.ratio) if one else NOTHING for one in shown)
    yield "", f"{run.challenger}/{run.baseline}", "", "", p50, p95, p99
    p50, p95, p99 = (f"{ratio(one.low)}–{ratio(one.high)}" if one else NOTHING for one in shown)
    yield "", "95 % interval", "", "", p50, p95, p99


def _figures(label: str, target: str, total: OperationTotals) -> Row:
    p50, p95, p99 = (milliseconds(total.quantile_ms(metric)) for metric in _METRICS)
    return (
        label,
        target,
        count(total.requests),
        count(total.requests - total.verified),
        p50,
        p95,
        p99,
    )


def _interval(run: Run, operation: str, metric: Metric) -> Interval | None:
    return interval(*by_pair(only(run, operation), metric))
