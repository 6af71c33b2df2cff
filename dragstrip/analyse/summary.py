"""From rows and slice reports to the slices, totals and gates of run.json."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.analyse import figures
from dragstrip.analyse.gates import gates
from dragstrip.analyse.model import Gate, Slice, TargetTotals
from dragstrip.outcomes import ROW, Outcome, OutcomeFile, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dragstrip.config import Metric
    from dragstrip.plan import Plan, PlannedSlice

_WRONG = (Outcome.WRONG_ANSWER, Outcome.CONTENT_TYPE, Outcome.NOT_JSON, Outcome.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Summary:
    """The parts of run.json that are computed from what was recorded."""

    slices: list[Slice]
    totals: dict[str, TargetTotals]
    gates: list[Gate]


def summarise(
    plan: Plan,
    files: Sequence[OutcomeFile],
    reports: Sequence[dict[str, Any]],
    metric: Metric,
    *,
    interrupted: bool,
) -> Summary:
    """Compute everything that run.json says about what happened.

    `reports` are the lines of slices.jsonl: a slice without one did not run to its end, and its
    pair is left out.
    """
    ended = {report["index"]: report for report in reports}
    rows, on_time = _all_rows(files, ended)
    complete = _complete_pairs(plan, set(ended))
    kept = [turn for turn in plan.slices if turn.pair in complete]
    slices = []
    for turn in kept:
        mine = rows["slice"] == turn.index
        values = figures.figures(rows[mine], on_time[mine], plan.counted_s)
        slices.append(_slice(turn, ended[turn.index], plan.targets[turn.target].name, values))
    chosen = np.isin(rows["slice"], [turn.index for turn in kept])
    totals = {}
    for number, target in enumerate(plan.targets):
        mine = chosen & (rows["target"] == number)
        totals[target.name] = TargetTotals(
            kind=target.kind,
            url=target.url,
            **figures.figures(rows[mine], on_time[mine], plan.counted_s * len(complete)),
            **figures.details(rows[mine]),
        )
    judged = gates(
        pairs_planned=plan.pairs,
        pairs_complete=len(complete),
        interrupted=interrupted,
        totals=totals,
        slices=slices,
        wrong_answers=sum(int(np.isin(file.rows["outcome"], _WRONG).sum()) for file in files),
        send_lag_p99_ms=figures.quantile(figures.send_lag_ms(rows[chosen]), 0.99) or 0.0,
        cpu=max((_cpu(report) for report in reports), default=0.0),
        metric=metric,
    )
    return Summary(slices, totals, judged)


def _all_rows(
    files: Sequence[OutcomeFile], ended: dict[int, dict[str, Any]]
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return every counted row, and for each whether it was sent before its slice was over."""
    ends = {
        (worker["worker"], index): worker["end_ns"]
        for index, report in ended.items()
        for worker in report["workers"]
    }
    parts, times = [], []
    for file in files:
        rows = figures.counted(file.rows)
        limits = [ends.get((file.worker, index), 0) for index in rows["slice"].tolist()]
        parts.append(rows)
        times.append(
            (rows["sent_ns"] <= np.array(limits, np.int64)) & (rows["outcome"] != Outcome.UNSENT)
        )
    if not parts:
        return np.empty(0, ROW), np.empty(0, bool)
    return np.concatenate(parts), np.concatenate(times)


def _complete_pairs(plan: Plan, ended: set[int]) -> set[int]:
    cut_short = {turn.pair for turn in plan.slices if turn.index not in ended}
    return set(range(plan.pairs)) - cut_short


def _slice(
    turn: PlannedSlice, report: dict[str, Any], target: str, values: dict[str, Any]
) -> Slice:
    return Slice(
        index=turn.index,
        pair=turn.pair,
        position=turn.position,
        target=target,
        started=datetime.fromtimestamp(report["started"], UTC),
        ended=datetime.fromtimestamp(report["ended"], UTC),
        **values,
    )


def _cpu(report: dict[str, Any]) -> float:
    return max(float(worker["cpu_s"] / worker["wall_s"]) for worker in report["workers"])
