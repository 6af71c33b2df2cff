"""A burst of 401 from one worker alone is its fault, one from all is the target's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.ledger.tallies import Tallies
from tests.support.runs import conclude, fail, plan_of, record, rows_of

if TYPE_CHECKING:
    from dragstrip.run.model import Gate
    from dragstrip.run.slice_report import WorkerReport


def refused_workers(refusals: list[int], status: int = 401) -> Gate | None:
    """Return the gate of a race in which each worker was refused so often of 100 in each slice."""
    plan = plan_of(6)
    reports = record(plan)
    for report in reports:
        slice_ = plan.slices[report["index"]]
        (worker,) = report["workers"]
        report["workers"] = []
        for number, count in enumerate(refusals):
            times_ms = np.full(100, 20.0)
            rows = rows_of(slice_, times_ms, worker["start_ns"])
            if slice_.target == 1:
                fail(rows, slice(0, count), Outcome.HTTP_STATUS, status)
            tallies = Tallies()
            tallies.add(rows, worker["end_ns"])
            one: WorkerReport = {**worker, "worker": number, "tallies": tallies.encode()}
            report["workers"].append(one)
    run, _ = conclude(plan, reports)
    return next((gate for gate in run.gates if gate.name == "refused_workers"), None)


@pytest.mark.parametrize("status", [401, 403])
def test_one_alone_is_named(status: int) -> None:
    gate = refused_workers([0, 100, 0], status)
    assert gate is not None
    assert (gate.passed, gate.figure) == (False, 1)
    assert gate.details == "new refused worker 1 alone, 600 times (401 or 403)"


@pytest.mark.parametrize("refusals", [[50, 50], [5, 9, 7], [1, 0], [0, 0]])
def test_what_all_meet_or_too_little_is_not_a_workers(refusals: list[int]) -> None:
    gate = refused_workers(refusals)
    assert gate is not None
    assert gate.passed
    assert gate.details is None


def test_other_failures_are_not_a_workers_either() -> None:
    gate = refused_workers([0, 100], 500)
    assert gate is not None
    assert gate.passed


def test_of_a_single_worker_nothing_can_be_told() -> None:
    assert refused_workers([100]) is None
