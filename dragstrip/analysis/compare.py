"""Yesterday against today: whether two stored runs may be compared, and what comes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.analysis import regression
from dragstrip.analysis.calibration import between_runs
from dragstrip.analysis.comparable import unlike
from dragstrip.analysis.gates import SAMPLES_NEEDED, failed_gates
from dragstrip.analysis.operations import decisive, names_of, only, rules_operation
from dragstrip.errors import InvalidRun, UsageError

if TYPE_CHECKING:
    from dragstrip.analysis.calibration import Calibration
    from dragstrip.analysis.comparable import Unlike
    from dragstrip.analysis.regression import Tolerance
    from dragstrip.analysis.regression_model import Regression
    from dragstrip.config.config import Metric
    from dragstrip.run.model import Run


def compare(
    older: Run,
    newer: Run,
    tolerance: Tolerance,
    *,
    target: str | None = None,
    force: bool = False,
    known: Calibration | None = None,
) -> Regression:
    """Compare one target of two runs; `force` compares what is unlike, and states it.

    Of several operations, the quantile is of the one that the newer run's rule looks at. Without a
    name, the target is the baseline of both: what runs today. `known` is the machine's
    calibration, if it has one. Raises UsageError where the
    runs cannot be compared or must not be, and InvalidRun where one of them proves nothing.
    """
    if not 1 <= tolerance.ratio < math.inf or not 0 <= tolerance.errors <= 1:
        raise UsageError(
            "--tolerance must be a ratio of 1 or more, and --error-tolerance a share",
            fix="the defaults are 1.1 and 0.001",
        )
    _require_order(older, newer)
    name = _target(older, newer, target)
    operation = _operation(older, newer)
    for run in (older, newer):
        _require_valid(run)
        _require_samples(only(run, operation), name, tolerance.metric)
    differences = unlike(older, newer, name)
    if differences and not force:
        raise _refusal(differences[0], len(differences) - 1)
    between = between_runs(newer, name, tolerance.metric, found=known)
    return regression.compare(
        older, newer, name, tolerance, operation=operation, between=between, unlike=differences
    )


def _require_order(older: Run, newer: Run) -> None:
    if older.id == newer.id:
        raise UsageError(f"both runs are {older.id}", fix="name two runs, the older one first")
    if older.started > newer.started:
        raise UsageError(
            f"{older.id} started after {newer.id}",
            fix=f"name the older one first: dragstrip compare {newer.id} {older.id}",
        )


def _target(older: Run, newer: Run, wanted: str | None) -> str:
    if wanted is None and older.baseline != newer.baseline:
        raise UsageError(
            f"the baseline was {older.baseline}, then {newer.baseline}",
            fix="choose a target with --target: " + _names(older, newer),
        )
    name = wanted or newer.baseline
    for run in (older, newer):
        if name not in run.targets:
            raise UsageError(
                f"--target: run {run.id} has no target {name}",
                fix="both have: " + _names(older, newer),
            )
    return name


def _operation(older: Run, newer: Run) -> str | None:
    operation = decisive(newer.operations, rules_operation(newer.config))
    if operation and operation not in names_of(older):
        raise UsageError(
            f"rules.operation: run {older.id} has no operation {operation} beside others",
            fix="race the same scenario both times",
        )
    return operation


def _names(older: Run, newer: Run) -> str:
    return ", ".join(name for name in older.targets if name in newer.targets) or "none"


def _require_valid(run: Run) -> None:
    failed = [gate.name for gate in failed_gates(run)]
    if failed or run.interrupted or not run.gates:
        why = ", ".join(failed) or "its end"
        raise InvalidRun(
            f"run {run.id} is invalid: it fails {why}",
            fix="race again: an invalid run is not compared, not even with --force",
        )


def _require_samples(run: Run, target: str, metric: Metric) -> None:
    samples = min((one.requests for one in run.slices if one.target == target), default=0)
    if samples < SAMPLES_NEEDED[metric]:
        raise UsageError(
            f"--metric {metric} needs {SAMPLES_NEEDED[metric]} requests a slice; run {run.id} has "
            f"{samples}",
            fix="choose a lower quantile, or race with a higher --rate or --slice",
        )


def _refusal(first: Unlike, others: int) -> UsageError:
    more = f" (and in {others} more)" if others else ""
    return UsageError(
        f"the runs are unlike in {first.what}{more}: {first.older} then, {first.newer} now",
        fix=f"{first.fix}; --force compares them anyway and says so",
    )
