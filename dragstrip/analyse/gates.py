"""The conditions under which a run proves anything. Failing one makes it invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analyse.model import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analyse.model import Slice, TargetTotals
    from dragstrip.config import Metric

SAMPLES_NEEDED: dict[Metric, int] = {"p50": 6, "p95": 59, "p99": 299}
"""Answers without which a quantile has no two-sided 95 % interval free of assumptions."""

LEAST_ACHIEVED = 0.95
MOST_SEND_LAG_MS = 25.0
"""Two quiet cores that also carry the lab stay well below this; an overrun machine does not.

Lateness adds to the response times of both sides and so draws the ratio towards 1.
"""
MOST_SEND_LAG_SHARE = 0.1
"""Of the slower target's quantile: then lateness cannot move the ratio by more than that."""
MOST_CPU = 0.9

WORDS = {
    "complete_pairs": "pairs of slices run to their end",
    "verified": "verified lookups of each target",
    "wrong_answers": "answers that were not what the data says",
    "achieved_rate": "lookups sent on time, as a share of those due",
    "send_lag_p99_ms": "lateness of the generator itself, p99 in ms",
    "generator_cpu": "busiest generator process, as a share of a core",
    "samples_per_slice": "lookups in the smallest slice",
}

FIXES = {
    "complete_pairs": "let the race run to its end",
    "verified": "look at the failures by reason",
    "wrong_answers": "run `dragstrip verify`; it names the first difference",
    "achieved_rate": "lower --rate, or raise race.users when the targets could answer more",
    "send_lag_p99_ms": "leave this machine to the race, lower --rate, or use --processes",
    "generator_cpu": "lower --rate, or use --processes",
    "samples_per_slice": "raise --rate or --slice, or choose a lower quantile in rules.metric",
}


def gates(
    *,
    pairs_planned: int,
    pairs_complete: int,
    interrupted: bool,
    totals: dict[str, TargetTotals],
    slices: Sequence[Slice],
    wrong_answers: int,
    send_lag_p99_ms: float,
    cpu: float,
    metric: Metric,
) -> list[Gate]:
    """Judge a run by every condition; nothing is left out because another failed."""
    verified = min(total.verified for total in totals.values())
    achieved = min(
        total.achieved_per_s / total.offered_per_s if total.offered_per_s else 0.0
        for total in totals.values()
    )
    samples = min((part.due for part in slices), default=0)
    complete = pairs_complete - (1 if interrupted and pairs_complete == pairs_planned else 0)
    return [
        _at_least("complete_pairs", complete, pairs_planned),
        _at_least("verified", verified, 1),
        _at_most("wrong_answers", wrong_answers, 0),
        _at_least("achieved_rate", achieved, LEAST_ACHIEVED),
        _at_most("send_lag_p99_ms", send_lag_p99_ms, _most_send_lag_ms(totals, metric)),
        _at_most("generator_cpu", cpu, MOST_CPU),
        _at_least("samples_per_slice", samples, SAMPLES_NEEDED[metric]),
    ]


def _most_send_lag_ms(totals: dict[str, TargetTotals], metric: Metric) -> float:
    slower = max(total.quantile_ms(metric) or 0.0 for total in totals.values())
    return max(MOST_SEND_LAG_MS, MOST_SEND_LAG_SHARE * slower)


def _at_least(name: str, figure: float, bound: float) -> Gate:
    return Gate(name=name, passed=figure >= bound, figure=figure, bound=bound)


def _at_most(name: str, figure: float, bound: float) -> Gate:
    return Gate(name=name, passed=figure <= bound, figure=figure, bound=bound)
