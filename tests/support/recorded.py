"""A run's folder as a race leaves it, from lookups that a test makes up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.ledger.layout import ROW
from dragstrip.ledger.rows import ABSENT, Flag, Outcome, select
from dragstrip.ledger.tallies import Tallies
from dragstrip.ledger.tally import Tally
from dragstrip.ledger.writer import Ledger
from dragstrip.run.folder import RunFolder
from dragstrip.run.plan import FINISH_FILE, LEDGER_FOLDER, SLICES_FILE, PlannedOperation
from tests.support.runs import SECOND, plan_of

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.ledger.writer import Policy
    from dragstrip.run.plan import PlannedSlice

OUTCOMES = ((Outcome.OK, 200), (Outcome.HTTP_STATUS, 503), (Outcome.UNSENT, 0))
SHARES = (0.95, 0.03, 0.02)
OPERATIONS = (
    PlannedOperation(name="lookup", weight=3),
    PlannedOperation(name="message", method="POST"),
)


def record_run(
    path: Path,
    *,
    workers: int = 2,
    lookups: int = 300,
    policy: Policy = "keep",
    hung: int = 0,
    operations: int = 1,
) -> RunFolder:
    """Store a run of 2 pairs with `lookups` per worker and slice, `hung` of them without an end.

    Its requests are of so many `operations`, in turn.
    """
    path.mkdir()
    (path / LEDGER_FOLDER).mkdir()
    plan = plan_of(pairs=2, operations=OPERATIONS[:operations], ledger=policy)
    folder = RunFolder(path)
    folder.write_plan(plan)
    ledgers = [Ledger(path / LEDGER_FOLDER, worker, policy) for worker in range(workers)]
    totals = [Tallies() for _ in ledgers]
    random = np.random.default_rng(7)
    with (path / SLICES_FILE).open("w") as file:
        for slice_ in plan.slices:
            reports = [
                _run_slice(ledger, slice_, worker, random, lookups, hung, operations)
                for worker, ledger in enumerate(ledgers)
            ]
            for total, report in zip(totals, reports, strict=True):
                total.merge_encoded(report["tallies"])
            line = {
                "index": slice_.index,
                "started": 0,
                "ended": 1,
                "void": None,
                "workers": reports,
            }
            file.write(json.dumps(line) + "\n")
    finish = {
        "run_id": plan.run_id,
        "workers": {
            str(worker): {"rows": ledger.begun, "tallies": total.encode()}
            for worker, (total, ledger) in enumerate(zip(totals, ledgers, strict=True))
        },
        "lost_workers": [],
    }
    (path / FINISH_FILE).write_text(json.dumps(finish))
    for ledger in ledgers:
        ledger.close()
    return folder


def _run_slice(
    ledger: Ledger,
    slice_: PlannedSlice,
    worker: int,
    random: np.random.Generator,
    lookups: int,
    hung: int,
    operations: int,
) -> dict[str, Any]:
    start_ns = (10 * worker + slice_.index + 1) * 4 * SECOND
    end_ns = start_ns + 3 * SECOND
    scheduled_ns = start_ns + np.sort(random.integers(0, 3 * SECOND, lookups))
    took_ns = random.lognormal(16, 0.5, lookups).astype(int)
    chosen = random.choice(len(OUTCOMES), lookups, p=SHARES)
    for n in range(lookups):
        due, took, (outcome, status) = int(scheduled_ns[n]), int(took_ns[n]), OUTCOMES[chosen[n]]
        target = 1 - slice_.target if n % 50 == 0 else slice_.target
        counted = target == slice_.target and due > start_ns + SECOND
        flags = Flag.COUNTED if counted else 0
        row = ledger.begin(due, n, slice_.index, target, flags, n % 8, due + 1000, n % operations)
        if n >= hung:
            query_us = ABSENT if n % 3 else took // 2000
            timings = (took // 1000, query_us, took // 1500, n % 7 == 0)
            ledger.end(row, due + 1000, due + took, outcome, status, n, *timings)
    tallies: dict[str, dict[str, dict[str, Any]]] = {}
    rows = np.concatenate([np.zeros(0, ROW), *ledger.harvest()])
    for target in (0, 1):
        for operation in range(operations):
            which = (rows["target"] == target) & (rows["operation"] == operation)
            tally = Tally()
            tally.add(select(rows, which), end_ns)
            tallies.setdefault(str(target), {})[str(operation)] = tally.encode()
    return {
        "worker": worker,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "cpu_s": 1.0,
        "wall_s": 3.0,
        "tallies": tallies,
    }
