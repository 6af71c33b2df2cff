"""What is said of a race while it runs; the console and the web UI say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import numbers
from dragstrip.analysis.gates import bound_of, figure_of, words_of

if TYPE_CHECKING:
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
    turn = f", {names(state)[state.turn.target]}'s turn" if state.turn else ""
    return f"slice {state.slices_done + 1} of {planned}{turn}, {clock.left(state)} left"


def counts(state: State, clock: Clock, *, is_over: bool = False) -> list[tuple[str, str, str]]:
    """Return rows: a label, the baseline's figure, the challenger's figure."""
    old, new = state.counted
    rows = [
        ("verified requests", numbers.count(old["verified"]), numbers.count(new["verified"])),
        ("failed requests", _failed(old), _failed(new)),
    ]
    if is_over:
        return rows
    now = [numbers.per_second(clock.per_s(number)) for number in (0, 1)]
    return [*rows, ("rate now", now[0], now[1])]


def quantiles(state: State, metric: Metric, *, is_over: bool = False) -> tuple[str, str, str]:
    """Return such a row of a quantile over the pairs so far."""
    baseline, challenger = (quantile(state, name, metric) for name in names(state))
    return metric if is_over else f"{metric} so far", baseline, challenger


def quantile(state: State, target: str, metric: Metric) -> str:
    """Return a target's quantile over the pairs so far."""
    totals = state.totals.get(target)
    return numbers.milliseconds(totals.quantile_ms(metric) if totals else None)


def ratio(state: State, metric: Metric) -> str | None:
    """Return the ratio over the pairs so far; None while a check fails or pairs are too few."""
    found = None if state.broken else state.ratio(metric)
    if found is None:
        return None
    return f"{numbers.ratio(found.ratio)} ({numbers.ratios(found.low, found.high)})"


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


def _failed(counted: Brief) -> str:
    return numbers.count(sum(counted["failed"].values()))
