"""From the slices' reports to the slices, totals and gates of run.json."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dragstrip.analyse import figures
from dragstrip.analyse.gates import gates
from dragstrip.analyse.model import Gate, Slice, TargetTotals
from dragstrip.ledger.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config import Metric
    from dragstrip.plan import Plan, PlannedSlice

SliceReport = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """The parts of run.json that are computed from what was recorded."""

    slices: list[Slice]
    totals: dict[str, TargetTotals]
    gates: list[Gate]


def summarise(
    plan: Plan, reports: Sequence[SliceReport], metric: Metric, *, interrupted: bool
) -> Summary:
    """Compute everything that run.json says about what happened.

    `reports` are the lines of slices.jsonl: a slice without one did not run to its end, and its
    pair is left out.
    """
    ended = {report["index"]: report for report in reports}
    complete = _complete_pairs(plan, set(ended))
    totals = [Tally() for _ in plan.targets]
    lateness = Tally()
    slices = []
    for turn in plan.slices:
        if turn.pair in complete:
            tally = tally_of(ended[turn.index], turn.target)
            totals[turn.target].merge(tally)
            lateness.merge(tally)
            slices.append(_slice(plan, turn, ended[turn.index], tally))
    shown = {
        target.name: TargetTotals(
            kind=target.kind,
            url=target.url,
            **figures.figures(tally, plan.counted_s * len(complete)),
            **figures.details(tally),
        )
        for target, tally in zip(plan.targets, totals, strict=True)
    }
    judged = gates(
        pairs_planned=plan.pairs,
        pairs_complete=len(complete),
        interrupted=interrupted,
        totals=shown,
        slices=slices,
        wrong_answers=sum(_wrong(report) for report in reports),
        send_lag_p99_ms=lateness.part_ms("send_lag", 0.99) or 0.0,
        cpu=max((_cpu(report) for report in reports), default=0.0),
        metric=metric,
    )
    return Summary(slices, shown, judged)


def tally_of(report: SliceReport, target: int) -> Tally:
    """Return what all processes counted of a target in a slice."""
    total = Tally()
    for worker in report["workers"]:
        form = worker["tallies"].get(str(target))
        if form is not None:
            total.merge(Tally.decode(form))
    return total


def _wrong(report: SliceReport) -> int:
    return sum(form["wrong"] for worker in report["workers"] for form in worker["tallies"].values())


def _complete_pairs(plan: Plan, ended: set[int]) -> set[int]:
    cut_short = {turn.pair for turn in plan.slices if turn.index not in ended}
    return set(range(plan.pairs)) - cut_short


def _slice(plan: Plan, turn: PlannedSlice, report: SliceReport, tally: Tally) -> Slice:
    return Slice(
        index=turn.index,
        pair=turn.pair,
        position=turn.position,
        target=plan.targets[turn.target].name,
        started=datetime.fromtimestamp(report["started"], UTC),
        ended=datetime.fromtimestamp(report["ended"], UTC),
        **figures.figures(tally, plan.counted_s),
    )


def _cpu(report: SliceReport) -> float:
    return max(float(worker["cpu_s"] / worker["wall_s"]) for worker in report["workers"])
