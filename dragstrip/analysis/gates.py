"""The conditions under which a run proves anything. Failing one makes it invalid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragstrip.analysis.conditions import CONDITIONS
from dragstrip.run.model import Gate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Metric
    from dragstrip.run.model import DataAfter, Figures, TargetTotals

SAMPLES_NEEDED: dict[Metric, int] = {"p50": 6, "p95": 59, "p99": 299}
"""Answers without which a quantile has no two-sided 95 % interval free of assumptions."""

LEAST_ACHIEVED = 0.95
MOST_NO_SLOT = 0.01
"""Above, the p99 may describe the wait for one of our connections and not the target."""
MOST_RECONNECTS = 0.05
"""Above, the p95 may describe handshakes and not lookups."""
MOST_LAG_MS = 25.0
"""Two quiet cores that also carry the lab stay well below this; an overrun machine does not.

Lateness adds to the response times of both sides and so draws the ratio towards 1.
"""
MOST_LAG_SHARE = 0.1
"""Of the slower target's quantile: then lateness cannot move the ratio by more than that."""
MOST_CPU = 0.9
MOST_CLOCK_STEP_MS = 100.0
"""Slewing, at most 0.5 ms a second, stays below this in any slice of three minutes.

Durations come from the monotonic clock, which a step leaves alone. What it gives away is a machine
that was suspended, or records of which the times do not fit together.
"""


@dataclass(frozen=True, slots=True)
class Witness:
    """What was recorded beside the counts, each the worst of all processes."""

    wrong_answers: int = 0
    send_lag_p99_ms: float = 0.0
    loop_lag_ms: float = 0.0
    cpu: float = 0.0
    clock_step_ms: float = 0.0
    lost_workers: int = 0
    lost_rows: int | None = None
    """None where it cannot be told, because the run was cut short."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many pairs were planned, ran to their end, and had to be left out even so."""

    planned: int
    complete: int
    voided: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that validity depends on."""

    metric: Metric
    pairs: Pairs
    interrupted: bool
    closed_model: bool
    totals: dict[str, TargetTotals]
    decisive_slices: Sequence[Figures]
    decisive_totals: Sequence[Figures]
    """Of the operation that the rule looks at: every slice, and both targets."""
    witness: Witness = field(default_factory=Witness)
    data_after: DataAfter = "unchecked"


def gates(found: Evidence) -> list[Gate]:
    """Judge a run by every condition that applies; none is left out because another failed.

    In a closed model nothing is due at a time of its own, so that nothing can be late for it or
    find no slot. Data that was not compared again, and rows that cannot be compared, are no gate:
    either only happens to runs that fail complete_pairs, or that a caller made without backends.
    """
    totals, witness, pairs = found.totals.values(), found.witness, found.pairs
    unfinished = 1 if found.interrupted and pairs.complete == pairs.planned else 0
    most_lag_ms = _most_lag_ms(found)
    made = [
        _gate("complete_pairs", pairs.complete - unfinished, pairs.planned),
        _gate("voided_pairs", pairs.voided, 0),
        _gate("lost_workers", witness.lost_workers, 0),
    ]
    if witness.lost_rows is not None:
        made.append(_gate("lost_rows", witness.lost_rows, 0))
    if found.data_after != "unchecked":
        made.append(_gate("changed_data", int(found.data_after == "changed"), 0))
    made += [
        _gate("verified", min(_fewest_verified(total) for total in totals), 1),
        _gate("wrong_answers", witness.wrong_answers, 0),
        _gate(
            "samples_per_slice",
            min((part.due for part in found.decisive_slices), default=0),
            SAMPLES_NEEDED[found.metric],
        ),
    ]
    if not found.closed_model:
        made += [
            _gate("achieved_rate", min(_achieved(total) for total in totals), LEAST_ACHIEVED),
            _gate("no_slot", max(_share(total.no_slot, total) for total in totals), MOST_NO_SLOT),
        ]
    reconnected = max(_share(total.reconnected, total) for total in totals)
    made.append(_gate("reconnects", reconnected, MOST_RECONNECTS))
    if not found.closed_model:
        made.append(_gate("send_lag_p99_ms", witness.send_lag_p99_ms, most_lag_ms))
    return [
        *made,
        _gate("loop_lag_ms", witness.loop_lag_ms, most_lag_ms),
        _gate("generator_cpu", witness.cpu, MOST_CPU),
        _gate("clock_step_ms", witness.clock_step_ms, MOST_CLOCK_STEP_MS),
    ]


def _fewest_verified(total: TargetTotals) -> int:
    """Return what the operation with the fewest has: one that never works must not go unnoticed."""
    return min((part.verified for part in total.operations.values()), default=total.verified)


def _achieved(total: TargetTotals) -> float:
    return total.achieved_per_s / total.offered_per_s if total.offered_per_s else 0.0


def _share(count: int, total: TargetTotals) -> float:
    return count / total.due if total.due else 0.0


def _most_lag_ms(found: Evidence) -> float:
    slower = max(total.quantile_ms(found.metric) or 0.0 for total in found.decisive_totals)
    return max(MOST_LAG_MS, MOST_LAG_SHARE * slower)


def _gate(name: str, figure: float, bound: float) -> Gate:
    passed = figure >= bound if CONDITIONS[name].side == "least" else figure <= bound
    return Gate(name=name, passed=passed, figure=figure, bound=bound)
