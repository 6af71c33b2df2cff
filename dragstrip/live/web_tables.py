"""A race as the tables of Locust's web UI, while it runs and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.aggregate import part_of
from dragstrip.analysis.conditions import bound_of, figure_of, words_of
from dragstrip.report.text import banners, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State
    from dragstrip.live.progress import Clock
    from dragstrip.live.web_exchange import Row, Tables
    from dragstrip.run.model import Run, Slice, Verdict

_NOTHING = "–"
_METRICS: tuple[Metric, ...] = ("p50", "p95", "p99")


def tables(
    facts: Run, state: State, clock: Clock, verdict: Verdict | None = None, stopped: str = ""
) -> Tables:
    """Return the rows of each table; with a verdict, as the race ended.

    `stopped` says why it ended early.
    """
    return {
        "race": list(_sides(facts, state, clock, verdict, stopped)),
        "race-slices": [_slice(one) for one in state.slices],
        "race-conditions": [
            {
                "condition": words_of(gate.name),
                "figure": figure_of(gate),
                "bound": bound_of(gate),
                "holds": "yes" if gate.passed else "NO",
            }
            for gate in (verdict.gates if verdict else state.gates)
        ],
    }


def _sides(
    facts: Run, state: State, clock: Clock, verdict: Verdict | None, stopped: str
) -> Iterator[Row]:
    # A run that may be invalid, or is, has no winner.
    is_broken = bool(state.broken) or (verdict is not None and verdict.verdict == "invalid")
    rows = [(text, "", "", "") for text in banners(facts)]
    rows += [(text, "", "", "") for text in (stopped, _stage(facts, state, clock, verdict)) if text]
    if verdict is None:
        rows.append((_validity(state), "", "", ""))
    rows += [
        ("verified lookups", *_counts(state, "verified"), ""),
        ("failed lookups", *_counts(state, "failed"), ""),
        *_operation_counts(state),
    ]
    if verdict is None:
        rows.append(("lookups per second now", *_rates(clock), ""))
    names = [operation.name for operation in state.plan.operations]
    operations: list[str | None] = [*names] if len(names) > 1 else [None]
    rows += [
        (
            (f"{operation} {metric}" if operation else metric) + ("" if verdict else " so far"),
            *_quantiles(state, metric, operation),
            _NOTHING if is_broken else _ratio(state, metric, operation),
        )
        for operation in operations
        for metric in _METRICS
    ]
    for figure, baseline, challenger, ratio in rows:
        yield {"figure": figure, "baseline": baseline, "challenger": challenger, "ratio": ratio}


def _stage(facts: Run, state: State, clock: Clock, verdict: Verdict | None) -> str:
    if verdict:
        return headline(facts, verdict)
    planned = len(state.plan.slices)
    if state.slices_done == planned:
        return "every slice is over"
    turn = f", {state.plan.targets[state.turn.target].name}'s turn" if state.turn else ""
    return f"slice {state.slices_done + 1} of {planned}{turn}, {clock.left(state)} left"


def _validity(state: State) -> str:
    if not state.gates:
        return "conditions of a valid run: after the first pair"
    if not state.broken:
        return f"all {len(state.gates)} conditions of a valid run hold so far"
    return f"broken so far, so no ratio: {', '.join(words_of(gate.name) for gate in state.broken)}"


def _counts(state: State, what: str) -> tuple[str, str]:
    old, new = (
        counted["verified"] if what == "verified" else sum(counted["failed"].values())
        for counted in state.counted
    )
    return f"{old:,}", f"{new:,}"


def _operation_counts(state: State) -> Iterator[tuple[str, str, str, str]]:
    """Yield what each operation's requests came to, where there are several operations."""
    operations = state.plan.operations if len(state.plan.operations) > 1 else ()
    for number, operation in enumerate(operations):
        counted = [side[number] for side in state.by_operation]
        for what, (old, new) in (
            ("verified", [one["verified"] for one in counted]),
            ("failed", [sum(one["failed"].values()) for one in counted]),
        ):
            yield f"{what}, {operation.name}", f"{old:,}", f"{new:,}", ""


def _rates(clock: Clock) -> tuple[str, str]:
    old, new = (clock.per_s(number) for number in (0, 1))
    return _figure(old), _figure(new)


def _figure(value: float | None, unit: str = "") -> str:
    return _NOTHING if value is None else f"{value:,.1f}{unit}"


def _quantiles(state: State, metric: Metric, operation: str | None) -> tuple[str, str]:
    old, new = (state.totals.get(target.name) for target in state.plan.targets)
    return (
        _figure(part_of(old, operation).quantile_ms(metric) if old else None, " ms"),
        _figure(part_of(new, operation).quantile_ms(metric) if new else None, " ms"),
    )


def _ratio(state: State, metric: Metric, operation: str | None) -> str:
    found = state.ratio(metric, operation)
    return f"{found.ratio:.3f} ({found.low:.3f} to {found.high:.3f})" if found else _NOTHING


def _slice(one: Slice) -> Row:
    return {
        "slice": one.index + 1,
        "pair": one.pair + 1,
        "target": one.target,
        "verified": one.verified,
        "failed": sum(one.failed.values()),
        "p50": _figure(one.p50_ms, " ms"),
        "p95": _figure(one.p95_ms, " ms"),
        "p99": _figure(one.p99_ms, " ms"),
    }
