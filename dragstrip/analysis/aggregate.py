"""From the slices' reports to the slices, totals and gates of run.json."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dragstrip.analysis import metrics
from dragstrip.analysis.evidence import Evidence, Pairs, Witness
from dragstrip.analysis.gates import gates
from dragstrip.analysis.generator_health import Watch
from dragstrip.analysis.percentile_bands import distributions
from dragstrip.ledger.tally import Tally
from dragstrip.run.model import DataAfter, Gate, Generator, Slice, TargetTotals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dragstrip.config.config import Metric
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import Finish, SliceReport


@dataclass(frozen=True, slots=True)
class Summary:
    """The parts of run.json that are computed from what was recorded."""

    slices: list[Slice]
    totals: dict[str, TargetTotals]
    gates: list[Gate]
    sums: tuple[Tally, Tally]
    """What was counted of (baseline, challenger) over the pairs used."""


def summarise(
    plan: Plan,
    reports: Iterable[SliceReport],
    metric: Metric,
    *,
    interrupted: bool,
    finish: Finish | None = None,
    data_after: DataAfter = "unchecked",
) -> Summary:
    """Compute everything that run.json says about what happened.

    `reports` are the lines of slices.jsonl, of which one is held at a time: a slice without one did
    not run to its end, and its pair is left out, as is one of which a slice is void.
    """
    accounts = Accounts(plan, metric)
    for report in reports:
        accounts.enter(report)
    return accounts.summary(interrupted=interrupted, finish=finish, data_after=data_after)


class Accounts:
    """The slices of a race, summed up one by one as their reports come in."""

    def __init__(self, plan: Plan, metric: Metric) -> None:
        self._plan = plan
        self._metric = metric
        self._turns = {turn.index: turn for turn in plan.slices}
        self._books, self._watch = _Books(plan), Watch()

    def enter(self, report: SliceReport) -> None:
        """Take in a slice."""
        self._watch.see(report)
        self._books.enter(self._turns[report["index"]], report)

    def summary(
        self,
        *,
        interrupted: bool,
        finish: Finish | None = None,
        data_after: DataAfter = "unchecked",
    ) -> Summary:
        """Return what it all came to, now that nothing more is to come."""
        witness = self._watch.witness(
            finish,
            self._books.send_lag_p99_ms(),
            whole=len(self._watch.seen) == len(self._turns),
            interrupted=interrupted,
        )
        return self._judged(self._plan.pairs, witness, data_after, interrupted=interrupted)

    def so_far(self) -> Summary:
        """Return what it came to up to now, as if no more had been planned."""
        witness = self._watch.witness(
            None, self._books.send_lag_p99_ms(), whole=False, interrupted=False
        )
        return self._judged(self._complete, witness, "unchecked", interrupted=False)

    @property
    def voided_pairs(self) -> int:
        """How many pairs must not be used."""
        return len(self._books.voided)

    @property
    def _complete(self) -> int:
        return len(self._books.used) + len(self._books.voided)

    def _judged(
        self, planned: int, witness: Witness, data_after: DataAfter, *, interrupted: bool
    ) -> Summary:
        books, totals = self._books, self._books.totals()
        evidence = Evidence(
            metric=self._metric,
            pairs=Pairs(planned, self._complete, len(books.voided)),
            interrupted=interrupted,
            closed_model=self._plan.race.closed_model,
            users=self._plan.race.users,
            totals=totals,
            slices=books.slices,
            witness=witness,
            data_after=data_after,
        )
        return Summary(books.slices, totals, gates(evidence), books.sums)


def with_distributions(summary: Summary, plan: Plan, reports: Iterable[SliceReport]) -> Summary:
    """Add each target's distribution to its totals; `reports` are those that were summarised."""
    numbers = {target.name: number for number, target in enumerate(plan.targets)}
    turns = {part.index: numbers[part.target] for part in summary.slices}
    found = distributions(reports, turns, summary.sums)
    totals = {
        name: summary.totals[name].model_copy(update={"distribution": found[number]})
        for name, number in numbers.items()
    }
    return replace(summary, totals=totals)


def tally_of(report: SliceReport, target: int) -> Tally:
    """Return what all processes counted of a target in a slice."""
    total = Tally()
    for worker in report["workers"]:
        form = worker["tallies"].get(str(target))
        if form is not None:
            total.merge_encoded(form)
    return total


@dataclass(slots=True)
class _Books:
    """The pairs so far. A slice's histograms are dropped once its pair is added to the totals."""

    plan: Plan
    slices: list[Slice] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    voided: set[int] = field(default_factory=set)
    sums: tuple[Tally, Tally] = field(default_factory=lambda: (Tally(), Tally()))
    _waiting: dict[int, tuple[Slice, Tally | None]] = field(default_factory=dict)

    def enter(self, turn: PlannedSlice, report: SliceReport) -> None:
        """Take in a slice; its pair counts from the second one on."""
        tally = None if report.get("void") else tally_of(report, turn.target)
        part = _slice(self.plan, turn, report, tally or Tally())
        other = self._waiting.pop(turn.pair, None)
        if other is None:
            self._waiting[turn.pair] = (part, tally)
        elif tally is None or other[1] is None:
            self.voided.add(turn.pair)
        else:
            self.used.add(turn.pair)
            self.slices += sorted((other[0], part), key=lambda one: one.index)
            self.sums[turn.target].merge(tally)
            self.sums[1 - turn.target].merge(other[1])

    def totals(self) -> dict[str, TargetTotals]:
        """Return the totals of both targets by name."""
        return {
            target.name: TargetTotals(
                kind=target.kind,
                url=target.url,
                **metrics.figures(tally, self.plan.counted_s * len(self.used)),
                **metrics.details(tally),
            )
            for target, tally in zip(self.plan.targets, self.sums, strict=True)
        }

    def send_lag_p99_ms(self) -> float:
        """Return the p99 of both targets together."""
        both = Tally()
        for tally in self.sums:
            both.merge(tally)
        return both.part_ms("send_lag", 0.99) or 0.0


def _slice(plan: Plan, turn: PlannedSlice, report: SliceReport, tally: Tally) -> Slice:
    return Slice(
        index=turn.index,
        pair=turn.pair,
        position=turn.position,
        target=plan.targets[turn.target].name,
        started=datetime.fromtimestamp(report["started"], UTC),
        ended=datetime.fromtimestamp(report["ended"], UTC),
        generator=_generator(report, tally),
        **metrics.figures(tally, plan.counted_s),
    )


def _generator(report: SliceReport, tally: Tally) -> Generator:
    workers = report["workers"]
    shares = (one["cpu_s"] / one["wall_s"] for one in workers if one["wall_s"])
    lags = (one["loop_lag_p99_ms"] for one in workers if "loop_lag_p99_ms" in one)
    return Generator(
        cpu=max(shares, default=None),
        loop_lag_p99_ms=max(lags, default=None),
        send_lag_p99_ms=tally.part_ms("send_lag", 0.99),
        no_slot=tally.no_slot,
    )
