"""Follows a race through its folder: the slices that are over, and the one under way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from dragstrip.analysis.aggregate import Accounts, part_of, tallies_of, with_distributions
from dragstrip.analysis.operations import rules_operation
from dragstrip.analysis.ratio import interval
from dragstrip.analysis.rule_checks import rules_of
from dragstrip.ledger.live_counts import Brief, brief, most, total
from dragstrip.run import live_stats
from dragstrip.run.new_slices import NewSlices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from dragstrip.analysis.ratio import Interval
    from dragstrip.config.config import Metric, OutageRule, RulesConfig
    from dragstrip.run.live_stats import Live
    from dragstrip.run.model import Gate, Run, Slice, TargetTotals
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import SliceReport, WorkerReport

    Counts = tuple[tuple[Brief, ...], tuple[Brief, ...]]
    """By target, (baseline, challenger), then by the operation's number."""


@dataclass(frozen=True, slots=True)
class State:
    """A race as it stands.

    `counted` are all requests so far by the target's number, `by_operation` the same by the
    operation's as well, `under_way` those of the slice under way. `slices` and `totals` are what
    the complete pairs came to, `latest` each target's last slice in one, `workers` the reports of
    the last slice, `slice_` the slice under way.
    Of several operations, `decisive` is the one that the rule looks at. `rules` are there where the
    follower was given them.
    """

    plan: Plan
    decisive: str | None = None
    rules: RulesConfig | None = None
    slices_done: int = 0
    pairs_complete: int = 0
    pairs_voided: int = 0
    slice_: PlannedSlice | None = None
    by_operation: Counts = ((), ())
    under_way: Counts = ((), ())
    latest: dict[str, Slice] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    totals: dict[str, TargetTotals] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)
    workers: list[WorkerReport] = field(default_factory=list)
    processes: int = 0
    lost: int = 0

    @property
    def counted(self) -> tuple[Brief, Brief]:
        """All requests so far of (baseline, challenger)."""
        baseline, challenger = map(total, self.by_operation)
        return baseline, challenger

    @property
    def broken(self) -> list[Gate]:
        """The conditions of a valid run that do not hold so far."""
        return [gate for gate in self.gates if not gate.passed]

    def ratio(
        self, metric: Metric, operation: str | None = None, pairs: int | None = None
    ) -> Interval | None:
        """Return what the pairs so far say of challenger over baseline; None for fewer than two.

        Of one operation, or for None of all requests; and of the first `pairs` or of all.
        """
        old, new = (
            [
                part_of(one, operation).quantile_ms(metric) or 0.0
                for one in self.slices
                if one.target == target.name
            ]
            for target in self.plan.targets
        )
        return interval(old[:pairs], new[:pairs])


class Follower:
    """Reads what is new each time it is asked; for one thread at a time."""

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        metric: Metric,
        operation: str | None = None,
        outages: OutageRule = "invalid",
        rules: RulesConfig | None = None,
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._accounts = Accounts(plan, metric, operation, outages)
        self._new = NewSlices(folder)
        self._done: set[int] = set()
        nothing = tuple(total([]) for _ in plan.operations)
        self._finished: Counts = (nothing, nothing)
        self._shown: Counts = (nothing, nothing)
        self._workers: list[WorkerReport] = []
        self._state = State(plan, self._accounts.decisive, rules)

    @classmethod
    def of(cls, folder: Path, plan: Plan, facts: Run) -> Self:
        """Return what follows a race by the rule that its facts name."""
        rules = facts.config["rules"]
        outages = rules.get("outages", "invalid")
        operation = rules_operation(facts.config)
        return cls(folder, plan, rules["metric"], operation, outages, rules_of(facts))

    def look(self) -> State:
        """Return how the race stands. Raises OSError where its folder cannot be read."""
        # Read before the slices: should one end in between, it is counted once all the same.
        now = live_stats.read(self._folder)
        if self._catch_up():
            self._state = self._summed_up()
        return self._with(now)

    def run_so_far(self, facts: Run, reports: Iterable[SliceReport]) -> Run:
        """Return what run.json would say if no more pairs had been planned.

        `reports` are those of the whole folder.
        """
        known = (report for report in reports if report["index"] in self._done)
        summary = with_distributions(self._accounts.so_far(), self._plan, known)
        parts = {"slices": summary.slices, "gates": summary.gates, "outages": summary.outages}
        return facts.model_copy(update={"targets": summary.totals, **parts})

    def _catch_up(self) -> bool:
        """Take in the slices that have ended since; return whether there are any."""
        before = len(self._done)
        for report in self._new.read():
            self._enter(report)
        return len(self._done) > before

    def _enter(self, report: SliceReport) -> None:
        self._done.add(report["index"])
        self._accounts.enter(report)
        self._finished = _each(
            self._finished,
            (self._briefs_of(report, 0), self._briefs_of(report, 1)),
            lambda one, other: total([one, other]),
        )
        self._workers = [{**worker, "tallies": {}} for worker in report["workers"]]

    def _briefs_of(self, report: SliceReport, target: int) -> tuple[Brief, ...]:
        found = tallies_of(report, target)
        return tuple(brief(found.of(target, n)) for n in range(len(self._plan.operations)))

    def _summed_up(self) -> State:
        summary = self._accounts.so_far()
        return State(
            plan=self._plan,
            decisive=self._accounts.decisive,
            rules=self._state.rules,
            slices_done=len(self._done),
            pairs_complete=len(summary.slices) // 2,
            pairs_voided=self._accounts.voided_pairs,
            latest={one.target: one for one in summary.slices},
            slices=summary.slices,
            totals=summary.totals,
            gates=summary.gates if summary.slices else [],
            workers=self._workers,
        )

    def _with(self, now: Live | None) -> State:
        """Add what is known of the slice under way."""
        if now is None:
            return self._shown_as(self._finished)
        index = now["slice"]
        if index is None or index in self._done or index >= len(self._plan.slices):
            return self._shown_as(self._finished, now)
        under_way = (self._under_way(now, 0), self._under_way(now, 1))
        counted = _each(self._finished, under_way, lambda one, other: total([one, other]))
        return self._shown_as(counted, now, self._plan.slices[index], under_way)

    def _under_way(self, now: Live, target: int) -> tuple[Brief, ...]:
        found = now["targets"].get(str(target), {})
        return tuple(
            found.get(str(number)) or total([]) for number in range(len(self._plan.operations))
        )

    def _shown_as(
        self,
        counted: Counts,
        now: Live | None = None,
        slice_: PlannedSlice | None = None,
        under_way: Counts = ((), ()),
    ) -> State:
        # A counter must not go down, though a process that is lost takes its counts with it.
        self._shown = _each(self._shown, counted, most)
        return replace(
            self._state,
            slice_=slice_,
            by_operation=self._shown,
            under_way=under_way,
            processes=now["processes"] if now else len(self._workers),
            lost=now["lost"] if now else 0,
        )


def _each(one: Counts, other: Counts, join: Callable[[Brief, Brief], Brief]) -> Counts:
    """Join the counts of each target and operation."""
    old, new = (tuple(map(join, *sides)) for sides in zip(one, other, strict=True))
    return old, new
