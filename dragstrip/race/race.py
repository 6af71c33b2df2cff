"""A race from end to end: lab, seed, preflight, Locust, stored run, verdict."""

from __future__ import annotations

import math
import os
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragstrip import lab
from dragstrip.analysis import calibration
from dragstrip.config.config import Config, DatasetConfig, require_race_targets, with_race
from dragstrip.errors import UsageError
from dragstrip.live import metrics_server as telemetry
from dragstrip.live import web_exchange
from dragstrip.race import locust_process, otel, own_preflight, prechecks, preflight
from dragstrip.race.monitor import Desk, Performance
from dragstrip.race.monitor import Progress as Progress
from dragstrip.race.monitor import Result as Result
from dragstrip.race.monitor import conclude as conclude
from dragstrip.run import folder as run_folder
from dragstrip.run import live_stats
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.run.model import Calibrated, DatasetFacts, KeysFacts, OperationFacts, Run
from dragstrip.run.plan import Plan, PlannedKeys, PlannedTarget, alternate
from dragstrip.scenario import targets_of
from dragstrip.signals import signals_as_interrupts
from scenarios.crm import compare_targets, keys_file
from scenarios.crm.references import CheckedKeys
from seeding.dataset.dataset import GENERATOR, Dataset
from seeding.dataset.sampling import count_ranges, sampled_ranges
from seeding.seed import seed
from seeding.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.live.web_exchange import WebUi
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.ipc import Workers
    from seeding.dataset.model import Manifest

    Data = Manifest | CheckedKeys
    """What both backends hold: what was seeded, or what they answer to numbers of one's own."""

_START_S = 60.0
_SLICE_MARGIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds to the configuration."""

    out: Path = Path("runs")
    processes: int = 1
    seed: int | None = None
    keep_lab: bool = False
    workers: Workers | None = None
    """With these, as many as `processes` says, no process is started here but the master."""
    web: WebUi | None = None
    """With it, the race is started from Locust's web UI."""


def race(
    config: Config,
    options: Options,
    progress: Progress,
    tell: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Compare the configured baseline and challenger. Raises DragstripError; see errors.py.

    With a web UI, `tell` is called with the result while the page still shows the race.
    """
    config = _of_two(config)
    known = calibration.consult(config, options.processes, this_machine(), these_versions())
    # What this machine can send says nothing of the workers'.
    ceiling_per_s = known.ceiling_per_s if known and not options.workers else None
    prechecks.require(config, processes=options.processes, ceiling_per_s=ceiling_per_s)
    run_folder.require_room(options.out)
    telemetry.require_port(config.race)
    if config.race.otel:
        otel.require()
    with ready(config, options, progress) as (found, data), ExitStack() as stack:
        prepared = prepare(found, options, data, known)
        stack.enter_context(telemetry.serving(*prepared))

        def replan(asked: dict[str, str]) -> tuple[Plan, Run]:
            wanted = with_race(found, asked)
            prechecks.require(wanted, processes=options.processes, ceiling_per_s=ceiling_per_s)
            return _store(wanted, prepared[1], options, data, known)

        return perform(
            found,
            *prepared,
            progress,
            recheck=lambda: _changed(found, data, prepared[0].seed),
            workers=options.workers,
            keys=handover_of(data),
            desk=Desk(options.web, replan, tell) if options.web else None,
        )


@contextmanager
def ready(config: Config, options: Options, progress: Progress) -> Iterator[tuple[Config, Data]]:
    """Yield the configuration with addresses, and what its backends were proven to hold.

    With numbers of one's own, it is what the targets answer to them. A lab that was started for it
    goes down afterwards, whatever ends the block.
    """
    own = keys_file.read(config.dataset)
    with signals_as_interrupts(), _backends(config, options, progress) as found:
        if own:
            yield found, own_preflight.check(found, own, progress.say)
            return
        if found.environment.dragstrip_lab:
            _seed_if_needed(found, progress)
        progress.say("preflight: keys, data and answers of both targets")
        yield found, preflight.check(found)


def prepare(
    config: Config, options: Options, data: Data, known: Calibrated | None = None
) -> tuple[Plan, RunFolder, Run]:
    """Make a run's folder, with the plan in it and a run.json that says it was interrupted.

    `known` is what calibration says about it. Raises StorageError, or ConfigError for a target
    without an address.
    """
    folder = run_folder.create(options.out)
    plan, facts = _store(config, folder, options, data, known)
    return plan, folder, facts


def _store(
    config: Config, folder: RunFolder, options: Options, data: Data, known: Calibrated | None
) -> tuple[Plan, Run]:
    plan = _plan(config, folder, options, data)
    folder.write_plan(plan)
    facts = _facts(config, plan, options, data, known)
    folder.write_run(conclude(folder, facts, interrupted=True)[0])
    return plan, facts


def perform(
    config: Config,
    plan: Plan,
    folder: RunFolder,
    facts: Run,
    progress: Progress,
    *,
    recheck: Callable[[], str | None] | None = None,
    workers: Workers | None = None,
    keys: bytes | None = None,
    desk: Desk | None = None,
) -> Result:
    """Run Locust on a plan that is in its folder, and conclude from whatever it recorded.

    `recheck` is asked once the race is over, and returns what differs between the backends' data
    and the dataset; None when nothing does. `keys` is what `handover_of` gave. With a `desk` this
    returns when the web UI is ended, which it has to be from outside.
    """
    performance = Performance(plan, folder, facts, progress, recheck=recheck, desk=desk)
    if workers:
        progress.say(f"race: waiting for {workers.count} workers at {workers.bind}")
    if desk:
        progress.say(f"web UI: {desk.ui.url} starts the race; Ctrl-C ends both")
    try:
        finished = locust_process.run(
            folder,
            processes=facts.processes,
            api_key=config.environment.require("crm_api_key"),
            lab=facts.lab,
            limit_s=math.inf if desk else _limit_s(plan) + (workers.wait_s if workers else 0),
            tick=performance.tick,
            workers=workers,
            keys=keys,
            otel=plan.race.otel,
            web=performance.web,
        )
        if not performance.is_planned:
            raise UsageError(
                f"Locust's web UI ended before a race was started: {_last_words(folder)}",
                fix="start it again, perhaps with another --web-port",
            )
        return performance.result or performance.conclude(finished=finished)
    except KeyboardInterrupt:
        if not performance.is_planned:
            progress.say("race: none was started, so none is stored")
            raise
        return performance.result or performance.conclude(finished=False, stopped=True)
    finally:
        web_exchange.clear(folder.path)
        # With a web UI, Locust outlived the race by a moment, and may have written it again.
        live_stats.remove(folder.path)
        if not performance.is_planned:
            run_folder.discard(folder)


def _last_words(folder: RunFolder) -> str:
    return locust_process.log_tail(folder, 1) or "it said nothing"


def handover_of(data: Data) -> bytes | None:
    """Return what the processes that make the load must be told, and no file may hold."""
    return data.handover() if isinstance(data, CheckedKeys) else None


def _changed(config: Config, data: Data, seed_number: int) -> str | None:
    if isinstance(data, CheckedKeys):
        return compare_targets.changed(config, data, seed_number)
    return preflight.difference(config)


def _limit_s(plan: Plan) -> float:
    one = plan.race.slice + 2 * plan.race.timeout + _SLICE_MARGIN_S
    return _START_S + one * len(plan.slices)


def _of_two(config: Config) -> Config:
    names = require_race_targets(config)
    return config.model_copy(update={"targets": {name: config.targets[name] for name in names}})


@contextmanager
def _backends(config: Config, options: Options, progress: Progress) -> Iterator[Config]:
    """Yield the configuration with addresses; a lab started for it goes down afterwards."""
    if not config.uses_lab:
        config.environment.require("crm_api_key")
        targets_of(config)
        yield config
        return
    before = lab.status()
    was_up = before is not None and before.supervised
    owner = None if options.keep_lab else os.getpid()
    try:
        progress.say("lab: " + ("in use" if was_up else "starting"))
        lab.up(reporter=progress.say, owner_pid=owner)
        yield lab.resolve(config)
    finally:
        if not was_up and not options.keep_lab:
            lab.down()


def _seed_if_needed(config: Config, progress: Progress) -> None:
    wanted = config.dataset
    with open_stores(config) as stores:
        found = [store.read_manifest() for store in stores]
    # What is there and called complete is left alone: if it was changed, the preflight says so.
    if not all(manifest and _is(manifest, wanted) for manifest in found):
        progress.say(f"seed: {wanted.contacts} contacts into both backends")
        with progress.seeding() as reporter:
            seed(config, reporter)


def _is(manifest: Manifest, wanted: DatasetConfig) -> bool:
    return (
        manifest["state"] == "complete"
        and manifest["generator"] == GENERATOR
        and manifest["seed"] == wanted.seed
        and manifest["contacts"] >= wanted.contacts
    )


def _plan(config: Config, folder: RunFolder, options: Options, data: Data) -> Plan:
    seed_number = secrets.randbits(32) if options.seed is None else options.seed
    targets = targets_of(config)
    baseline, challenger = (
        PlannedTarget(
            name=name,
            kind=targets[name].kind,
            url=targets[name].url,
            ca_file=targets[name].ca_file,
        )
        for name in require_race_targets(config)
    )
    return Plan(
        run_id=folder.path.name,
        seed=seed_number,
        dataset=PlannedKeys(keys=len(data.file))
        if isinstance(data, CheckedKeys)
        else config.dataset,
        race=config.race,
        targets=(baseline, challenger),
        slices=alternate(config.race.pairs, seed_number),
    )


def _facts(
    config: Config, plan: Plan, options: Options, data: Data, known: Calibrated | None
) -> Run:
    now = datetime.now(UTC)
    return Run(
        id=plan.run_id,
        started=now,
        ended=now,
        interrupted=True,
        lab=config.environment.dragstrip_lab,
        closed_model=plan.race.closed_model,
        operations=[OperationFacts(**each.model_dump()) for each in plan.operations],
        seed=plan.seed,
        baseline=plan.targets[0].name,
        challenger=plan.targets[1].name,
        processes=options.processes,
        versions=these_versions(),
        machine=this_machine(),
        config=config.model_dump(mode="json", exclude=_unstored(data)),
        dataset=_dataset_facts(data),
        calibration=known,
        targets={},
        slices=[],
        gates=[],
    )


def _unstored(data: Data) -> dict[str, Any]:
    own = isinstance(data, CheckedKeys)
    return {"environment": True, "dataset": {"seed", "contacts"} if own else set()}


def _dataset_facts(data: Data) -> DatasetFacts | KeysFacts:
    if isinstance(data, CheckedKeys):
        return KeysFacts(keys=len(data.file), found=data.found, sha256=data.file.sha256)
    dataset = Dataset(data["seed"], data["contacts"])
    return DatasetFacts(
        seed=dataset.seed,
        contacts=dataset.contacts,
        digest=data["digest"],
        generator=data["generator"],
        compared=len(sampled_ranges(dataset)),
        ranges=count_ranges(dataset),
    )
