"""What is said of a race while it runs; the console and the live page say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.aggregate import part_of
from dragstrip.analysis.gates import bound_of, figure_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Metric
    from dragstrip.ledger.live_counts import Brief
    from dragstrip.live.follow import State
    from dragstrip.live.progress import Clock
    from dragstrip.run.model import Gate


def names(state: State) -> tuple[str, str]:
    """Return the names of (baseline, challenger)."""
    old, new = state.plan.targets
    return old.name, new.name


def stage(state: State, clock: Clock) -> str:
    """Return where the race is and how long it will take."""
    planned = len(state.plan.slices)
    if state.slices_done == planned:
        return "every slice is over"
    target = f" ({names(state)[state.slice_.target]})" if state.slice_ else ""
    return f"slice {state.slices_done + 1} of {planned}{target}, {clock.left(state)} left"


def operations(state: State) -> list[str | None]:
    """Return the names of the operations; only None, for all requests, where there is one."""
    names = [operation.name for operation in state.plan.operations]
    return [*names] if len(names) > 1 else [None]


def metric_of(state: State, metric: Metric) -> str:
    """Return what the rule looks at: a quantile, of an operation where there are several."""
    return f"{state.decisive} {metric}" if state.decisive else metric


def counts(state: State, clock: Clock) -> list[tuple[str, str, str]]:
    """Return rows: a label, the baseline's figure, the challenger's figure."""
    old, new = state.counted
    now = [numbers.per_second(clock.per_s(number)) for number in (0, 1)]
    return [
        ("verified requests", numbers.count(old["verified"]), numbers.count(new["verified"])),
        ("failed requests", failed(old), failed(new)),
        ("rate now", now[0], now[1]),
    ]


def operation_rows(state: State, target: int, metric: Metric) -> Iterator[tuple[str, ...]]:
    """Yield, of each operation of a target: name, verified, failed, nothing, quantile.

    None where there is one operation only.
    """
    for number, operation in enumerate(operations(state)):
        if operation is None:
            return
        counted = state.by_operation[target][number]
        shown = quantile_of(state, names(state)[target], metric, operation)
        yield f"    {operation}", numbers.count(counted["verified"]), failed(counted), "", shown


def quantiles(state: State, metric: Metric, operation: str | None = None) -> tuple[str, str, str]:
    """Return such a row of a quantile over the pairs so far."""
    what = f"{operation} {metric}" if operation else metric
    baseline, challenger = (quantile_of(state, name, metric, operation) for name in names(state))
    return f"{what} so far", baseline, challenger


def quantile(state: State, target: str, metric: Metric) -> str:
    """Return a target's quantile over the pairs so far, of what the rule looks at."""
    return quantile_of(state, target, metric, state.decisive)


def ratio(state: State, metric: Metric, operation: str | None) -> str:
    """Return the ratio over the pairs so far with its interval, or why there is none to show."""
    if state.broken:
        return "not while a validity check fails"
    found = state.ratio(metric, operation)
    if found is None:
        few = state.pairs_complete < numbers.LEAST_PAIRS
        return numbers.TOO_FEW if few else f"{metric} does not exist in every slice"
    return numbers.ratio_within(found.ratio, found.low, found.high, state.pairs_complete)


def validity(state: State) -> str:
    """Return in one line how the gates stand."""
    if not state.gates:
        return "validity checks: after the first pair"
    if not state.broken:
        return f"all {len(state.gates)} validity checks pass so far"
    return f"failed so far, so no ratio: {', '.join(map(words_of, state.broken))}"


def gate_row(gate: Gate) -> tuple[str, str, str]:
    """Return what a gate judges, its figure and its bound."""
    return words_of(gate), figure_of(gate), bound_of(gate)


def quantile_of(state: State, target: str, metric: Metric, operation: str | None) -> str:
    """Return a target's quantile over the pairs so far, of an operation or of all requests."""
    totals = state.totals.get(target)
    value = part_of(totals, operation).quantile_ms(metric) if totals else None
    return numbers.milliseconds(value)


def failed(counted: Brief) -> str:
    """Return how many requests failed."""
    return numbers.count(sum(counted["failed"].values()))
