"""A race as the tables of Locust's web UI, while it runs and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis.numbers import NOTHING, milliseconds
from dragstrip.live import words
from dragstrip.report.text import banners, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State
    from dragstrip.live.progress import Clock
    from dragstrip.live.web_exchange import Row, Tables
    from dragstrip.run.model import Gate, Run, Slice, Verdict

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
        "race-conditions": [_gate(gate) for gate in (verdict.gates if verdict else state.gates)],
    }


def _sides(
    facts: Run, state: State, clock: Clock, verdict: Verdict | None, stopped: str
) -> Iterator[Row]:
    # A run that may be invalid, or is, has no winner.
    is_broken = bool(state.broken) or (verdict is not None and not verdict.compares)
    stage = headline(facts, verdict) if verdict else words.stage(state, clock)
    yield from (_row(text) for text in (*banners(facts), stopped, stage) if text)
    if verdict is None:
        yield _row(words.validity(state))
    is_over = verdict is not None
    for row in words.counts(state, clock, is_over=is_over, by_operation=True):
        yield _row(*row)
    for operation in words.operations(state):
        for metric in _METRICS:
            ratio = NOTHING if is_broken else words.ratio(state, metric, operation)
            row = words.quantiles(state, metric, operation, is_over=is_over)
            yield _row(*row, ratio)


def _row(figure: str, baseline: str = "", challenger: str = "", ratio: str = "") -> Row:
    return {"figure": figure, "baseline": baseline, "challenger": challenger, "ratio": ratio}


def _gate(gate: Gate) -> Row:
    what, figure, bound = words.gate_row(gate)
    return {
        "condition": what,
        "figure": figure,
        "bound": bound,
        "holds": "yes" if gate.passed else "NO",
    }


def _slice(one: Slice) -> Row:
    return {
        "slice": one.index + 1,
        "pair": one.pair + 1,
        "target": one.target,
        "verified": one.verified,
        "failed": sum(one.failed.values()),
        "p50": milliseconds(one.p50_ms),
        "p95": milliseconds(one.p95_ms),
        "p99": milliseconds(one.p99_ms),
    }
