"""From the slices' reports to the slices, totals and gates of run.json."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dragstrip.analysis import metrics
from dragstrip.analysis.evidence import Evidence, Pairs, Witness
from dragstrip.analysis.gates import gates
from dragstrip.analysis.generator_health import GeneratorHealth
from dragstrip.analysis.load_over_time import LoadOverTime
from dragstrip.analysis.looks import level
from dragstrip.analysis.operations import decisive
from dragstrip.analysis.outages import Outages
from dragstrip.analysis.percentile_bands import distributions
from dragstrip.errors import StorageError
from dragstrip.ledger.tallies import Tallies
from dragstrip.ledger.tally import merged
from dragstrip.run.model import (
    AskedRequests,
    DataAfter,
    Figures,
    Gate,
    Generator,
    LoadStretch,
    OperationTotals,
    Outage,
    Slice,
    TargetTotals,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dragstrip.analysis.percentile_bands import Distributions, Sums
    from dragstrip.config.config import Metric, OutageRule
    from dragstrip.ledger.tally import Tally
    from dragstrip.run.model import Writes
    from dragstrip.run.plan import Plan, PlannedOperation, PlannedSlice
    from dragstrip.run.slice_report import Finish, SliceReport


@dataclass(frozen=True, slots=True)
class Summary:
    """The parts of run.json that are computed from what was recorded."""

    slices: list[Slice]
    totals: dict[str, TargetTotals]
    outages: list[Outage]
    load: list[LoadStretch]
    gates: list[Gate]
    sums: Sums
    """What was counted of (baseline, challenger), by operation, over the pairs used."""


def summarise(
    plan: Plan,
    reports: Iterable[SliceReport],
    metric: Metric,
    *,
    operation: str | None = None,
    outages: OutageRule = "invalid",
    interrupted: bool,
    finish: Finish | None = None,
    data_after: DataAfter = "unchecked",
    writes: Mapping[str, Writes] | None = None,
) -> Summary:
    """Compute everything that run.json says about what happened.

    `reports` are the lines of slices.jsonl, of which one is held at a time: a slice without one did
    not run to its end, and its pair is left out, as is one of which a slice is void.
    `operation` and `outages` are those of `rules`. Raises ConfigError where the plan has no such
    operation.
    """
    accounts = Accounts(plan, metric, operation, outages)
    for report in reports:
        accounts.enter(report)
    return accounts.summary(
        interrupted=interrupted, finish=finish, data_after=data_after, writes=writes
    )


class Accounts:
    """The slices of a race, summed up one by one as their reports come in."""

    def __init__(
        self,
        plan: Plan,
        metric: Metric,
        operation: str | None = None,
        outages: OutageRule = "invalid",
    ) -> None:
        self._plan = plan
        self._metric = metric
        self._outages_count = outages == "count"
        self._outages = Outages([target.name for target in plan.targets])
        self.decisive = decisive(plan.operations, operation)
        self._slices = {slice_.index: slice_ for slice_ in plan.slices}
        self._books, self._watch = _Books(plan), GeneratorHealth()
        self._load = LoadOverTime(plan)

    def enter(self, report: SliceReport) -> None:
        """Take in a slice. Raises StorageError where the plan has none such, or it came before."""
        index = report["index"]
        if index not in self._slices or index in self._watch.seen:
            raise StorageError(f"slices.jsonl is damaged: slice {index} is not in the plan")
        self._watch.see(report)
        self._outages.see(report)
        self._load.see(self._slices[index], report)
        self._books.enter(self._slices[index], report)

    def summary(
        self,
        *,
        interrupted: bool,
        finish: Finish | None = None,
        data_after: DataAfter = "unchecked",
        writes: Mapping[str, Writes] | None = None,
    ) -> Summary:
        """Return what it all came to, now that nothing more is to come."""
        witness = self._watch.witness(
            finish,
            self._books.send_delay_p99_ms(),
            whole=len(self._watch.seen) == len(self._slices),
            interrupted=interrupted,
        )
        return self._judged(
            self._plan.pairs, witness, data_after, writes or {}, interrupted=interrupted
        )

    def so_far(self) -> Summary:
        """Return what it came to up to now, as if no more had been planned."""
        witness = self._watch.witness(
            None, self._books.send_delay_p99_ms(), whole=False, interrupted=False
        )
        return self._judged(self._complete, witness, "unchecked", {}, interrupted=False)

    @property
    def voided_pairs(self) -> int:
        """How many pairs must not be used."""
        return len(self._books.voided)

    @property
    def _complete(self) -> int:
        return len(self._books.used) + len(self._books.voided)

    def _judged(
        self,
        planned: int,
        witness: Witness,
        data_after: DataAfter,
        writes: Mapping[str, Writes],
        *,
        interrupted: bool,
    ) -> Summary:
        books, totals = self._books, self._books.totals()
        outages = self._outages.found
        evidence = Evidence(
            metric=self._metric,
            pairs=Pairs(planned, self._complete, len(books.voided)),
            interrupted=interrupted,
            closed_model=self._plan.race.closed_model,
            answers=self._plan.answers,
            totals=totals,
            decisive_slices=[part_of(one, self.decisive) for one in books.slices],
            decisive_totals=[part_of(one, self.decisive) for one in totals.values()],
            witness=witness,
            data_after=data_after,
            writes=writes,
            outages=self._unfit(outages),
        )
        load = self._load.found()
        return Summary(books.slices, totals, outages, load, gates(evidence), books.sums)

    def _unfit(self, outages: list[Outage]) -> list[Outage] | None:
        """Return the outages that prove nothing: that of one worker alone never counts."""
        if not self._outages.is_known:
            return None
        return [one for one in outages if one.worker is not None or not self._outages_count]


def with_distributions(summary: Summary, plan: Plan, reports: Iterable[SliceReport]) -> Summary:
    """Add each target's distributions to its totals; `reports` are those that were summarised."""
    names = {number: target.name for number, target in enumerate(plan.targets)}
    numbers = {name: number for number, name in names.items()}
    counted = {part.index: numbers[part.target] for part in summary.slices}
    race = plan.race if plan.race.stop_when_decided else None
    of_look = level(race, len(counted) // 2)
    found = distributions(reports, counted, summary.sums, of_look)
    totals = {
        name: _with_distribution(plan, summary.totals[name], found[number])
        for number, name in names.items()
    }
    return replace(summary, totals=totals)


def _with_distribution(plan: Plan, total: TargetTotals, found: Distributions) -> TargetTotals:
    operations = {
        operation.name: total.operations[operation.name].model_copy(update={"distribution": own})
        for operation, own in zip(plan.operations, found.operations, strict=False)
    }
    return total.model_copy(update={"distribution": found.whole, "operations": operations})


def tally_of(report: SliceReport, target: int) -> Tally:
    """Return what all processes counted of a target in a slice."""
    return merged(tallies_of(report, target).by_place.values())


def tallies_of(report: SliceReport, target: int) -> Tallies:
    """Return what all processes counted of a target in a slice, by operation."""
    found = Tallies()
    for worker in report["workers"]:
        form = worker["tallies"].get(str(target), {})
        found.merge_encoded({str(target): form})
    if any(tally.verified > tally.requests for tally in found.by_place.values()):
        raise StorageError(f"slice {report['index']} has more verified requests than requests")
    return found


def part_of(whole: Slice | TargetTotals, operation: str | None) -> Figures:
    """Return the figures of one operation, or for None of all."""
    return whole if operation is None else whole.operations[operation]


@dataclass(slots=True)
class _Books:
    """The pairs so far. A slice's histograms are dropped once its pair is added to the totals."""

    plan: Plan
    slices: list[Slice] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    voided: set[int] = field(default_factory=set)
    _sums: Tallies = field(default_factory=Tallies)
    _waiting: dict[int, tuple[Slice, Tallies | None]] = field(default_factory=dict)

    @property
    def sums(self) -> Sums:
        """What was counted of (baseline, challenger), by operation, over the pairs used."""
        baseline, challenger = (
            [self._sums.of(target, number) for number in range(len(self.plan.operations))]
            for target in (0, 1)
        )
        return baseline, challenger

    def enter(self, slice_: PlannedSlice, report: SliceReport) -> None:
        """Take in a slice; its pair counts from the second one on."""
        tallies = None if report.get("void") else tallies_of(report, slice_.target)
        part = _slice(self.plan, slice_, report, tallies or Tallies())
        other = self._waiting.pop(slice_.pair, None)
        if other is None:
            self._waiting[slice_.pair] = (part, tallies)
        elif tallies is None or other[1] is None:
            self.voided.add(slice_.pair)
        else:
            self.used.add(slice_.pair)
            self.slices += sorted((other[0], part), key=lambda one: one.index)
            self._sums.merge(tallies)
            self._sums.merge(other[1])

    def totals(self) -> dict[str, TargetTotals]:
        """Return the totals of both targets by name."""
        duration_s = self.plan.race.counted_s * len(self.used)
        return {
            target.name: TargetTotals(
                kind=target.kind,
                url=target.url,
                operations={
                    operation.name: OperationTotals(
                        **_totals(tally, duration_s) | _asked(self.plan, tallies, operation)
                    )
                    for operation, tally in _by_operation(self.plan, tallies)
                },
                **_totals(merged(tallies), duration_s) | _asked(self.plan, tallies),
            )
            for target, tallies in zip(self.plan.targets, self.sums, strict=True)
        }

    def send_delay_p99_ms(self) -> float:
        """Return the p99 of both targets together."""
        both = merged(self._sums.by_place.values())
        return both.part_ms("send_delay", 0.99) or 0.0


def _totals(tally: Tally, duration_s: float) -> dict[str, Any]:
    return metrics.figures(tally, duration_s) | metrics.details(tally)


def _asked(
    plan: Plan, tallies: Sequence[Tally], only: PlannedOperation | None = None
) -> dict[str, AskedRequests]:
    """Return what of a target's reading requests were the first for their key, and the others."""
    reading = [
        tally
        for operation, tally in zip(plan.operations, tallies, strict=True)
        if not operation.writes and only in {None, operation}
    ]
    return metrics.asked(merged(reading)) if reading else {}


def _by_operation(plan: Plan, tallies: Sequence[Tally]) -> Iterator[tuple[PlannedOperation, Tally]]:
    """Yield the tally of each operation after it; nothing where there is only one."""
    if len(plan.operations) > 1:
        yield from zip(plan.operations, tallies, strict=True)


def _slice(plan: Plan, slice_: PlannedSlice, report: SliceReport, tallies: Tallies) -> Slice:
    own = [tallies.of(slice_.target, number) for number in range(len(plan.operations))]
    whole = merged(own)
    return Slice(
        index=slice_.index,
        pair=slice_.pair,
        position=slice_.position,
        target=plan.targets[slice_.target].name,
        started=datetime.fromtimestamp(report["started"], UTC),
        ended=datetime.fromtimestamp(report["ended"], UTC),
        generator=generator_of(report, whole),
        operations={
            operation.name: Figures(**metrics.figures(tally, plan.race.counted_s))
            for operation, tally in _by_operation(plan, own)
        },
        **metrics.figures(whole, plan.race.counted_s),
    )


def generator_of(report: SliceReport, tally: Tally) -> Generator:
    """Return how the load's processes fared in a slice with these counts."""
    workers = report["workers"]
    shares = (one["cpu_s"] / one["wall_s"] for one in workers if one["wall_s"])
    lags = (one["loop_lag_p99_ms"] for one in workers if "loop_lag_p99_ms" in one)
    return Generator(
        cpu=max(shares, default=None),
        loop_lag_p99_ms=max(lags, default=None),
        send_delay_p99_ms=tally.part_ms("send_delay", 0.99),
        no_connection=tally.no_connection,
    )
