"""From a configuration and what its scenario established to a stored plan and the run to come."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.analysis.calibration import Sides
from dragstrip.config.config import require_race_targets
from dragstrip.errors import ConfigError
from dragstrip.race.monitor import Stored, conclude
from dragstrip.run import folder as run_folder
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.run.model import OperationFacts, Run, ScenarioFacts
from dragstrip.run.plan import Plan, PlannedTarget, alternate
from dragstrip.scenario import targets_of
from dragstrip.scenario.find import absolute, find
from dragstrip.scenario.kinds import kind_of
from dragstrip.scenario.planned import planned
from dragstrip.scenario.target import url_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Config, RaceConfig
    from dragstrip.lab.faults import Fault
    from dragstrip.live.page_server import WebUi
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.ipc import LocustPages, Workers
    from dragstrip.run.model import Calibrated, Facts
    from dragstrip.scenario import Finding, Progress, Scenario


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds to the configuration."""

    out: Path = Path("runs")
    processes: int = 1
    seed: int | None = None
    keep_lab: bool = False
    workers: Workers | None = None
    """With these, as many as `processes` says, no process is started here but the master."""
    faults: Sequence[Fault] = ()
    """What happens to services of the lab while the race runs."""
    pages: LocustPages | None = None
    """Where Locust serves its own pages while it runs."""
    web: WebUi | None = None
    """With it, races are started from a browser."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """A race that can lead to a verdict, as bound; `known` as in Setup."""

    config: Config
    scenario: Scenario
    known: Calibrated | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """A race that may start: addresses are known, and the scenario is prepared.

    `known` is what a calibration of this machine says about it.
    """

    config: Config
    scenario: Scenario
    facts: Facts
    options: Options
    known: Calibrated | None = None

    def store(self) -> Stored:
        """Make a run's folder and plan. Raises StorageError."""
        folder = run_folder.create(self.options.out)
        plan = self.plan_in(folder)
        run = self.facts_of(plan)
        folder.write_plan(plan)
        folder.write_run(conclude(folder, run, interrupted=True)[0])
        return Stored(plan, folder, run)

    def with_config(self, config: Config) -> Setup:
        """Return the same with another race of the same scenario and targets."""
        return replace(self, config=config)

    def review(self, folder: RunFolder) -> list[Finding] | None:
        """Return what the scenario finds wrong with the targets when the race is over."""
        return self.scenario.review(self.facts, folder)

    def remarks(self, folder: RunFolder) -> list[str]:
        """Return what the scenario has to say of how the race went."""
        return self.scenario.remarks(folder)

    def plan_in(self, folder: RunFolder) -> Plan:
        """Return the plan of a race that is stored in a folder."""
        config, seed = self.config, self.options.seed
        seed = secrets.randbits(32) if seed is None else seed
        baseline, challenger = (
            PlannedTarget.of(name, url_of(config, name), config.targets[name])
            for name in require_race_targets(config)
        )
        return Plan(
            run_id=folder.path.name,
            seed=seed,
            scenario=config.scenario,
            keys=self.scenario.keys,
            dataset=config.dataset,
            race=config.race,
            rules=config.rules,
            answers=self.facts.answers,
            numbered=self.scenario.numbered,
            targets=(baseline, challenger),
            operations=planned(self.scenario),
            slices=alternate(config.race.pairs, seed),
        )

    def facts_of(self, plan: Plan) -> Run:
        """Return the run before it has begun."""
        now = datetime.now(UTC)
        config = self.config
        return Run(
            id=plan.run_id,
            started=now,
            ended=now,
            interrupted=True,
            lab=config.environment.dragstrip_lab,
            closed_model=plan.race.closed_model,
            operations=[
                OperationFacts.model_validate(one, from_attributes=True) for one in plan.operations
            ],
            seed=plan.seed,
            baseline=plan.targets[0].name,
            challenger=plan.targets[1].name,
            processes=self.options.processes,
            versions=these_versions(),
            machine=this_machine(),
            config=config.stored(),
            scenario=ScenarioFacts(
                name=config.scenario.name, keys=self.scenario.keys, facts=self.facts
            ),
            calibration=self.known,
            targets={},
            slices=[],
            gates=[],
        )


def bind(config: Config) -> tuple[Config, Scenario]:
    """Return the scenario, validated, and the configuration of a race of its two targets.

    Raises ConfigError, before anything is started or sent.
    """
    names = require_race_targets(config)
    scenario = find(config.scenario.name)(config)
    settings = config.scenario.model_copy(update={"name": absolute(config.scenario.name)})
    bound = config.model_copy(
        update={
            "scenario": settings,
            "targets": {name: config.targets[name] for name in names},
            "race": _race(config, scenario),
        }
    )
    _require_kinds(bound, scenario)
    scenario.config = bound
    scenario.validate()
    return bound, scenario


def sides(config: Config, scenario: Scenario) -> Sides:
    """Return what a calibration needs to know of a race. Raises ConfigError without an address."""
    lab = config.uses_lab or config.environment.dragstrip_lab
    return Sides(
        [
            (target.kind, None if lab else url_of(config, name))
            for name, target in config.targets.items()
        ],
        scenario.keys,
    )


def rebind(config: Config) -> Scenario:
    """Return the scenario again, for a configuration whose addresses are known by now."""
    scenario = find(config.scenario.name)(config)
    scenario.validate()
    return scenario


def prepared(admitted: Admitted, options: Options, progress: Progress) -> Setup:
    """Return a race that may start: its targets are proven fit. Raises DragstripError."""
    scenario = rebind(admitted.config)
    targets = list(targets_of(admitted.config).values())
    facts = scenario.prepare(targets, progress)
    return Setup(admitted.config, scenario, facts, options, admitted.known)


def _race(config: Config, scenario: Scenario) -> RaceConfig:
    if scenario.has_misses:
        return config.race
    if config.race.miss and "miss" in config.race.model_fields_set:
        raise ConfigError(
            f"race.miss = {config.race.miss:g}: scenario {config.scenario.name} has no keys that "
            "do not exist" + (" beside those of its keys file" if config.dataset.keys_file else ""),
            fix="give --miss 0, or leave race.miss out",
        )
    return config.race.model_copy(update={"miss": 0.0})


def _require_kinds(config: Config, scenario: Scenario) -> None:
    if config.uses_lab and not scenario.in_lab:
        raise ConfigError(
            f"scenario {config.scenario.name}: the embedded lab has no targets for it",
            fix="name two addresses: dragstrip race URL URL --scenario ...",
        )
    for name, target in config.targets.items():
        kind = kind_of(target.kind, field=f"targets.{name}.kind").name
        if kind not in scenario.kinds:
            raise ConfigError(
                f"targets.{name}.kind: scenario {config.scenario.name} does not support "
                f'targets of kind "{kind}"',
                fix="use a kind of " + ", ".join(scenario.kinds),
            )
        for field in ("headers", "path", "auth"):
            if getattr(target, field) and field not in scenario.target_fields:
                raise ConfigError(
                    f"targets.{name}.{field}: scenario {config.scenario.name} does not use it",
                    fix="leave it out, or race the scenario endpoint",
                )
