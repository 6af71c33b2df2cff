"""How far this machine can be trusted: what it can send, and what it tells apart that is the same.

max_rate.py finds the ceiling; then one target is raced against itself several times.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from dragstrip.analysis import calibration
from dragstrip.analysis.aa_test import LEAST_RUNS, PAIRS, same
from dragstrip.analysis.calibration import Calibration, SameRun, SameTarget
from dragstrip.analysis.gates import SAMPLES_NEEDED, failed_gates
from dragstrip.analysis.operations import decisive, only, rules_operation
from dragstrip.analysis.paired_values import by_pair
from dragstrip.calibrate import max_rate
from dragstrip.calibrate.finished_run import finished_run
from dragstrip.config.config import Metric
from dragstrip.errors import InvalidRun, UsageError
from dragstrip.race import prechecks, race
from dragstrip.race.setup import bind
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.scenario import targets_of
from dragstrip.scenario.planned import planned
from dragstrip.scenario.target import url_of
from dragstrip.signals import signals_as_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.config.config import Config
    from dragstrip.race.race import RaceProgress
    from dragstrip.run.model import Run
    from dragstrip.run.plan import PlannedOperation

WARMUP_S = 0.25
LEAST_SLICE_S = 1.0
MOST_S = 3600
"""An hour of races is refused: it is more likely a slip than a wish."""
CEILING_S = 75
_START_S = 8.0
"""What a run takes beside its slices: Locust's start and end."""


@dataclass(frozen=True, slots=True)
class CalibrationSettings:
    """What the command line adds: how many runs of equal targets (0: none), and of which.

    Runs are what the noise floor is found from; more pairs in a run are judged as several races.
    """

    runs: int = 6
    pairs: int = PAIRS
    target: str | None = None
    slice_s: float | None = None


def calibrate(config: Config, settings: CalibrationSettings, progress: RaceProgress) -> Calibration:
    """Measure this machine and store what was found. Raises DragstripError; see errors.py."""
    calibration.require_place()
    config = without_profile(config)
    equal = _equal(config, settings) if settings.runs else None
    operations = _operations(equal) if equal else ()
    if equal:
        # What is missing or wrong is better said now than when the ceiling has been found.
        prechecks.require(equal, processes=1, operations=operations)
    progress.say(f"calibrate: about {math.ceil(_duration_s(equal, settings) / 60)} minutes")
    with tempfile.TemporaryDirectory(prefix="dragstrip-calibrate-") as folder:
        with signals_as_interrupts():
            found = max_rate.seek(config, Path(folder), progress.say)
        if equal:
            prechecks.require(
                equal, processes=1, operations=operations, ceiling_per_s=found.rate_per_s
            )
        same_target = _race_equals(equal, settings, Path(folder), progress) if equal else None
    made = Calibration(
        made=datetime.now(UTC),
        machine=this_machine(),
        versions=these_versions(),
        ceiling=found,
        same=same_target,
    )
    progress.say(f"stored in {calibration.write(made)}")
    return made


def _equal(config: Config, settings: CalibrationSettings) -> Config:
    """Return the configuration of a race of one target against itself."""
    name = settings.target or config.race.baseline
    if name not in config.targets:
        raise UsageError(
            f"--target: there is no target {name}",
            fix="name one of the configured targets: " + ", ".join(config.targets),
        )
    if settings.runs < LEAST_RUNS:
        raise UsageError(
            f"--runs {settings.runs} cannot show the difference between runs",
            fix=f"give {LEAST_RUNS} or more, or 0 for the ceiling alone",
        )
    if settings.pairs < PAIRS:
        raise UsageError(
            f"--pairs {settings.pairs} is fewer than a race has", fix=f"give {PAIRS} or more"
        )
    again = f"{name[:34]}-again"
    whole = {"stop_when_decided": False}
    equal = _with_race(config, baseline=name, challenger=again, **whole).model_copy(
        update={"targets": {name: config.targets[name], again: config.targets[name]}}
    )
    slice_s = settings.slice_s or _slice_s(equal, _operations(equal))
    if not WARMUP_S < slice_s < math.inf:
        raise UsageError(f"--slice must be longer than {WARMUP_S} s", fix="leave it out")
    equal = _with_race(equal, pairs=settings.pairs, slice=slice_s, warmup=WARMUP_S, ledger="drop")
    if _duration_s(equal, settings) > MOST_S:
        raise UsageError(
            f"that takes {_duration_s(equal, settings) / 60:.0f} minutes",
            fix="give fewer --runs or --pairs, a shorter --slice or a higher --rate",
        )
    return equal


def _with_race(config: Config, **changes: Any) -> Config:
    return config.model_copy(update={"race": config.race.model_copy(update=changes)})


def without_profile(config: Config) -> Config:
    """Return the configuration with the mean of its load profile: one rate is what is measured."""
    flat = config.race.model_copy(update={"profile": None, "replayed": None})
    return config.model_copy(update={"race": flat})


def _operations(config: Config) -> Sequence[PlannedOperation]:
    """Return the scenario's operations, once nothing is missing that a race needs of it.

    Raises DragstripError.
    """
    bound, scenario = bind(config)
    if not bound.uses_lab:
        scenario.variables()
        targets_of(bound)
    return planned(scenario)


def _slice_s(config: Config, operations: Sequence[PlannedOperation]) -> float:
    """Return how long a slice must be to hold enough requests for the rule, by any chance."""
    race, needed = config.race, SAMPLES_NEEDED[config.rules.metric]
    share = prechecks.decisive_share(operations, config.rules.operation)
    # Four standard deviations of a Poisson count, and some: the smallest of a hundred slices.
    enough = needed + 4 * math.sqrt(needed) + 8
    counted_s = enough / race.rate / share if race.rate else LEAST_SLICE_S
    return WARMUP_S + math.ceil(10 * max(counted_s, LEAST_SLICE_S)) / 10


def _duration_s(equal: Config | None, settings: CalibrationSettings) -> float:
    if equal is None:
        return CEILING_S
    return CEILING_S + settings.runs * (_START_S + 2 * equal.race.pairs * equal.race.slice)


def _race_equals(
    config: Config, settings: CalibrationSettings, out: Path, progress: RaceProgress
) -> SameTarget:
    options = race.Options(out=out)
    with race.ready(*bind(config), options, progress) as setup:
        runs, invalid = [], []
        for number in range(settings.runs):
            progress.say(f"equal targets: run {number + 1} of {settings.runs}")
            run = finished_run(setup, progress)
            failed = [gate.name for gate in failed_gates(run)]
            if failed:
                progress.say("equal targets: the run is invalid: " + ", ".join(failed))
                invalid.append(failed)
            else:
                runs.append(run)
        return _conclude(setup.config, runs, invalid)


def _conclude(config: Config, runs: list[Run], invalid: list[list[str]]) -> SameTarget:
    if len(runs) < LEAST_RUNS:
        gates = ", ".join(sorted({name for failed in invalid for name in failed}))
        raise InvalidRun(
            f"{len(runs)} of {len(runs) + len(invalid)} runs of equal targets are valid, "
            f"{LEAST_RUNS} are needed; the others fail {gates}",
            fix="leave this machine to the calibration, or lower --rate",
        )
    # What decides a race is what the noise floor is held against.
    runs = [only(run, decisive(run.operations, rules_operation(run.config))) for run in runs]
    metrics = list(_metrics(runs))
    slices = [
        {metric: list(zip(*by_pair(run, metric), strict=True)) for metric in metrics}
        for run in runs
    ]
    found = {metric: same([one[metric] for one in slices]) for metric in metrics}
    name = config.race.baseline
    return SameTarget(
        target=name,
        kind=config.targets[name].kind,
        url=url_of(config, name),
        lab=config.environment.dragstrip_lab,
        rate=config.race.rate,
        slice=config.race.slice,
        warmup=config.race.warmup,
        runs=[
            SameRun(id=run.id, started=run.started, slices_ms=one)
            for run, one in zip(runs, slices, strict=True)
        ],
        invalid=invalid,
        found={metric: one for metric, one in found.items() if one is not None},
    )


def _metrics(runs: list[Run]) -> Iterator[Metric]:
    """Yield the quantiles that every slice has the requests for, and has."""
    for metric in get_args(Metric):
        parts = [part for run in runs for part in run.slices]
        if all(
            part.requests >= SAMPLES_NEEDED[metric] and part.quantile_ms(metric) for part in parts
        ):
            yield metric
