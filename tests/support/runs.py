"""Recorded races made up by a test: rows, slice reports, and the run that follows from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.analysis.aggregate import summarise, with_distributions
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import Config, DatasetConfig, RaceConfig, ScenarioConfig
from dragstrip.ledger.layout import ROW
from dragstrip.ledger.rows import Flag, Outcome, Rows
from dragstrip.ledger.tallies import Tallies
from dragstrip.run.model import (
    DataAfter,
    Machine,
    OperationFacts,
    Run,
    ScenarioFacts,
    Verdict,
    Versions,
    Writes,
)
from dragstrip.run.plan import Plan, PlannedOperation, PlannedTarget, alternate
from scenarios.crm.seeded import facts_of
from seeding.verify import DataProof

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.run.plan import PlannedSlice
    from dragstrip.run.slice_report import FinalCounts, Finish, SliceReport, WorkerReport

SECOND = 1_000_000_000
PROOF = DataProof(
    {
        "seed": 42,
        "contacts": 100,
        "digest": "d" * 64,
        "generator": "1",
        "state": "complete",
    },
    ["Convex", "Supabase"],
    compared=1,
    ranges=1,
)
STARTED = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)

Times = dict[str, float]


def plan_of(
    pairs: int = 8,
    names: tuple[str, str] = ("old", "new"),
    operations: Sequence[PlannedOperation] = (PlannedOperation(name="lookup"),),
    **race: Any,
) -> Plan:
    settings = {"rate": 100, "slice": 3, "warmup": 1, "pairs": pairs}
    old, new = (
        PlannedTarget(name=name, kind="convex-http", url=f"http://127.0.0.1:{port}")
        for name, port in zip(names, (1, 2), strict=True)
    )
    return Plan(
        run_id="20250102T030405Z-abcd",
        seed=9,
        scenario=ScenarioConfig(),
        keys=100,
        dataset=DatasetConfig(contacts=100),
        race=RaceConfig.model_validate(settings | race),
        targets=(old, new),
        operations=tuple(operations),
        slices=alternate(pairs, 9),
    )


def rows_of(slice_: PlannedSlice, response_ms: np.ndarray[Any, Any], start_ns: int) -> Rows:
    """Return the counted rows of a slice with these response times, evenly due."""
    rows: Rows = np.zeros(len(response_ms), ROW)
    rows["scheduled_ns"] = start_ns + np.linspace(1.0, 2.9, len(rows)) * SECOND
    rows["sent_ns"] = rows["scheduled_ns"] + 100_000
    rows["done_ns"] = rows["scheduled_ns"] + (response_ms * 1e6).astype(np.int64)
    rows["slice"] = slice_.index
    rows["target"] = slice_.target
    rows["status"] = 200
    rows["outcome"] = Outcome.OK
    rows["first_byte_us"] = 700
    rows["query_us"] = 500
    rows["total_us"] = 900
    rows["flags"] = Flag.COUNTED
    return rows


def report_of(slice_: PlannedSlice, rows: Rows, start_ns: int, cpu_s: float = 0.3) -> SliceReport:
    end_ns = start_ns + 3 * SECOND
    tallies = Tallies()
    tallies.add(rows, end_ns)
    worker: WorkerReport = {
        "worker": 0,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "cpu_s": cpu_s,
        "wall_s": 3.0,
        "loop_lag_p99_ms": 0.5,
        "loop_lag_max_ms": 2.0,
        "clock_step_ms": 0.01,
        "tallies": tallies.encode(),
    }
    began = STARTED.timestamp() + 3 * slice_.index
    return {
        "index": slice_.index,
        "started": began,
        "ended": began + 3,
        "void": None,
        "workers": [worker],
    }


def record(
    plan: Plan,
    medians_ms: tuple[float, float] | Sequence[tuple[float, float]] = (20.0, 10.0),
    *,
    samples: int = 200,
    noise: float = 0.05,
    seed: int = 1,
    spoil: Callable[[PlannedSlice, Rows], None] | None = None,
) -> list[SliceReport]:
    """Return the slice reports of a race whose slices scatter by `noise`.

    Its requests are of the plan's operations in turn, and `medians_ms` of (baseline, challenger)
    those of each, or one pair for all.
    """
    kinds = len(plan.operations)
    medians = np.broadcast_to(np.array(medians_ms, float), (kinds, 2))
    random = np.random.default_rng(seed)
    reports = []
    for slice_ in plan.slices:
        start_ns = (1 + slice_.index) * 4 * SECOND
        shift = np.exp(random.normal(0, noise))
        operations = np.arange(samples) % kinds
        typical_ms = medians[operations, slice_.target]
        response_ms = typical_ms * shift * random.lognormal(0, 0.5, samples)
        rows = rows_of(slice_, response_ms, start_ns)
        rows["operation"] = operations
        if spoil:
            spoil(slice_, rows)
        reports.append(report_of(slice_, rows, start_ns))
    return reports


def by_two_workers(reports: list[SliceReport]) -> list[SliceReport]:
    """Return the reports with a second worker that counted nothing; both reached both targets.

    Both ran in containers with a limit that never held them up.
    """
    for report in reports:
        (worker,) = report["workers"]
        worker["throttled_s"] = 0.0
        worker["reached"] = {"0": "a30", "1": "a30"}
        idle: WorkerReport = {
            **worker,
            "worker": 1,
            "reached": {**worker["reached"]},
            "tallies": {},
        }
        report["workers"].append(idle)
    return reports


def finish_of(plan: Plan, reports: Sequence[SliceReport]) -> Finish:
    """Return the last words that fit the slices."""
    totals: dict[str, Tallies] = {}
    for worker in (worker for report in reports for worker in report["workers"]):
        totals.setdefault(str(worker["worker"]), Tallies()).merge_encoded(worker["tallies"])
    finals: dict[str, FinalCounts] = {
        name: {"rows": sum(one.rows for one in total.by_place.values()), "tallies": total.encode()}
        for name, total in totals.items()
    }
    return {"run_id": plan.run_id, "workers": finals, "lost_workers": []}


def fail(
    rows: Rows, which: slice, outcome: Outcome = Outcome.HTTP_STATUS, status: int = 500
) -> None:
    rows["outcome"][which] = outcome
    rows["status"][which] = status


def kept_all(plan: Plan, **wrong: Any) -> dict[str, Writes]:
    """Return the accounts of targets that kept all; what is wrong is wrong with the second."""
    kept: dict[str, Any] = dict.fromkeys(("attempted", "acknowledged", "stored", "reads"), 400)
    kept |= dict.fromkeys(("lost", "duplicated", "unexpected", "recovered", "stable_ms"), 0)
    old, new = (target.name for target in plan.targets)
    return {old: Writes(**kept), new: Writes(**kept | wrong)}


def conclude(
    plan: Plan,
    reports: list[SliceReport],
    *,
    rules: dict[str, Any] | None = None,
    interrupted: bool = False,
    lab: bool = False,
    finish: Finish | None = None,
    data_difference: str | None = None,
    rechecked: bool = True,
    writes: dict[str, Writes] | None = None,
) -> tuple[Run, Verdict]:
    """Return the run and verdict of a recorded race.

    Its last words fit its slices unless they are given, and its data is as it was before.
    """
    data_after: DataAfter = "unchecked"
    if rechecked and not interrupted:
        data_after = "same" if data_difference is None else "changed"
    names = [target.name for target in plan.targets]
    config = Config.model_validate(
        {
            "targets": {t.name: {"kind": t.kind, "url": t.url} for t in plan.targets},
            "race": plan.race.model_dump() | {"baseline": names[0], "challenger": names[1]},
            "dataset": plan.dataset.model_dump(),
            "rules": rules or {},
        }
    )
    summary = summarise(
        plan,
        reports,
        config.rules.metric,
        operation=config.rules.operation,
        outages=config.rules.outages,
        interrupted=interrupted,
        finish=finish or finish_of(plan, reports),
        data_after=data_after,
        writes=writes,
    )
    summary = with_distributions(summary, plan, reports)
    run = Run(
        id=plan.run_id,
        started=STARTED,
        ended=STARTED,
        interrupted=interrupted,
        lab=lab,
        closed_model=plan.race.closed_model,
        data_after=data_after,
        data_difference=data_difference,
        writes=writes or {},
        seed=plan.seed,
        baseline=names[0],
        challenger=names[1],
        processes=1,
        versions=Versions(dragstrip="0.1.0", locust="2.47.0", python="3.11.7"),
        machine=Machine(
            system="Linux 6.1", architecture="x86_64", processor="A CPU", cpus=2, memory_bytes=2**33
        ),
        config=config.model_dump(mode="json", exclude={"environment"}),
        operations=[
            OperationFacts.model_validate(operation, from_attributes=True)
            for operation in plan.operations
        ],
        scenario=ScenarioFacts(name="lookup", keys=100, facts=facts_of(PROOF)),
        targets=summary.totals,
        slices=summary.slices,
        outages=summary.outages,
        gates=summary.gates,
    )
    return run, judge(run, config.rules)
