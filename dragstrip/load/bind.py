"""Binds the user classes to what is configured: which targets, which data, which key.

The names of the classes depend on the configuration alone, so that `locust --list` and `--help`
work with nothing running. Addresses are looked up when Locust is about to run users.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import gevent
from locust.runners import MasterRunner, WorkerRunner

from dragstrip import lab
from dragstrip.config import config as configuration
from dragstrip.errors import ConfigError, DragstripError, StorageError
from dragstrip.ledger.writer import Ledger
from dragstrip.live.web_exchange import serves_web
from dragstrip.load import web_ui
from dragstrip.load.distributed import final_stats
from dragstrip.load.distributed.master import RaceMaster
from dragstrip.load.distributed.worker import RaceWorker
from dragstrip.load.locust_user import Work, come_first, end_with_parent
from dragstrip.load.race_driver import LoneCourse
from dragstrip.load.users import BY_KIND, Lookup
from dragstrip.run import plan as plans
from dragstrip.run.ipc import RUNS_VARIABLE, read_keys
from dragstrip.run.plan import LEDGER_FOLDER, PlannedKeys
from dragstrip.scenario import Target, targets_of
from dragstrip.scenario.check import canonical, oracle
from scenarios.crm import references
from seeding.dataset.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from locust import User
    from locust.env import Environment
    from locust.event import Events

    from dragstrip.config.config import Config, DatasetConfig, Kind
    from dragstrip.run.plan import Plan

CONFIG_VARIABLE = "DRAGSTRIP_CONFIG"

RACE_CLASSES = ("Baseline", "Challenger")
"""The user classes of every race, so that workers know them before they have the plan."""

T = TypeVar("T")


def user_classes() -> dict[str, type[Lookup]]:
    """Return one user class per target, by name.

    A target that is the only one of its kind gives `ConvexHttpLookup`; of several, each gives
    `ConvexHttpLookup_name`. With no [targets] configured there is one for every kind that has an
    address.
    """
    return _or_exit(_user_classes)


def race_classes() -> dict[str, type[Lookup]]:
    """Return a race's two user classes by name; a worker's are bound once it has the plan."""
    return _or_exit(lambda: _race_classes(plans.current()))


def attach(events: Events) -> None:
    """Hook into Locust: safe defaults for its command line, and the set-up of each process."""
    events.init_command_line_parser.add_listener(_set_defaults)
    events.init.add_listener(_prepare)


def class_names(kinds: dict[str, Kind]) -> dict[str, str]:
    """Return the name of each target's user class."""
    often = Counter(kinds.values())
    return {
        target: BY_KIND[kind].__name__ + (f"_{_identifier(target)}" if often[kind] > 1 else "")
        for target, kind in kinds.items()
    }


def _user_classes() -> dict[str, type[Lookup]]:
    kinds = _kinds(_configuration())
    return {
        name: _user_class(name, target, kinds[target])
        for target, name in class_names(kinds).items()
    }


def _race_classes(plan: Plan | None) -> dict[str, type[Lookup]]:
    if plan is None:
        return {name: type(name, (Lookup,), {"abstract": False}) for name in RACE_CLASSES}
    classes = {
        name: _user_class(name, target.name, target.kind)
        for name, target in zip(RACE_CLASSES, plan.targets, strict=True)
    }
    _show_addresses(classes.values(), {target.name: target.url for target in plan.targets})
    return classes


def _gets_plan_later() -> bool:
    return RUNS_VARIABLE in os.environ


def _user_class(name: str, target: str, kind: Kind) -> type[Lookup]:
    attributes = {"abstract": False, "target_name": target, "__doc__": BY_KIND[kind].__doc__}
    return type(name, (BY_KIND[kind],), attributes)


def _identifier(target: str) -> str:
    return target.replace("-", "_")


def _configuration() -> Config:
    path = os.environ.get(CONFIG_VARIABLE)
    return configuration.load(os.environ, Path(path) if path else None)


def _kinds(config: Config) -> dict[str, Kind]:
    kinds = {name: target.kind for name, target in config.targets.items()}
    if "targets" in config.model_fields_set:
        return kinds
    by_default = {kind: name for name, kind in kinds.items()}
    return {
        by_default.get(kind, kind): kind
        for kind, variable in configuration.ADDRESS_VARIABLE.items()
        if config.uses_lab or getattr(config.environment, variable.lower())
    }


def _targets(config: Config, kinds: dict[str, Kind]) -> dict[str, Target]:
    named = {
        name: config.targets.get(name, configuration.TargetConfig(kind=kind))
        for name, kind in kinds.items()
    }
    return targets_of(config.model_copy(update={"targets": named}))


def _set_defaults(parser: Any, **_: Any) -> None:
    # Locust would listen on every interface, and drop what is in flight when a test stops. When a
    # race stops nothing is in flight: its slots wait for arrivals that never come.
    in_race = plans.current() or _gets_plan_later()
    wait_s = 0 if in_race else _or_exit(_configuration).race.timeout + 1
    parser.set_defaults(web_host="127.0.0.1", class_picker=not in_race, stop_timeout=wait_s)
    plan = plans.current()
    if plan and serves_web():
        web_ui.add_settings(parser, plan)


def _prepare(environment: Environment, **_: Any) -> None:
    end_with_parent()
    come_first()
    # Locust sets its timers, --run-time among them, by the loop's idea of the time, which is as old
    # as the imports took.
    gevent.get_hub().loop.update_now()
    _or_exit(lambda: _bind(environment))


def _bind(environment: Environment) -> None:
    plan = plans.current()
    if plan or _gets_plan_later():
        _bind_to_race(environment, plan)
        return
    final_stats.collect(environment, lambda: Lookup.work.harvester.harvest())
    if not isinstance(environment.runner, MasterRunner):
        Lookup.work = _plain_work(getattr(environment.runner, "worker_index", 0))
        urls = {name: target.url for name, target in Lookup.work.targets.items()}
        _show_addresses(environment.user_classes, urls)


def _bind_to_race(environment: Environment, plan: Plan | None) -> None:
    lab = configuration.read_environment(os.environ).dragstrip_lab

    def join(plan: Plan, lab: bool, worker: int, keys: bytes | None) -> Work:
        environment.user_classes[:] = list(_race_classes(plan).values())
        return _race_work(plan, worker, _ledger_folder(plan), lab, keys)

    if isinstance(environment.runner, WorkerRunner):
        # One way for all: those that this machine's master forked get their plan by message too.
        RaceWorker(environment, join).attach()
    elif plan and isinstance(environment.runner, MasterRunner):
        RaceMaster(environment, plan, plans.folder(), lab=lab, keys=read_keys()).attach()
    elif plan:
        keys = read_keys()
        LoneCourse(
            environment, plan, plans.folder(), lambda plan: join(plan, lab, 0, keys)
        ).attach()


def _ledger_folder(plan: Plan) -> Path:
    runs = os.environ.get(RUNS_VARIABLE)
    if runs is None:
        run = plans.folder()
    # Whoever answers on the master's port must not choose where this process writes.
    elif not re.fullmatch("[0-9A-Za-z][0-9A-Za-z-]*", plan.run_id):
        raise StorageError(f"the master's run has an id that is no name: {plan.run_id!r}")
    else:
        run = Path(runs) / plan.run_id
    folder = run / LEDGER_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _show_addresses(classes: Iterable[type[User]], urls: dict[str, str]) -> None:
    # The web UI asks for a host where a class has none. Nothing is ever sent to this attribute.
    for user_class in classes:
        if issubclass(user_class, Lookup):
            user_class.host = urls[user_class.target_name]


def _race_work(plan: Plan, worker: int, folder: Path, lab: bool, keys: bytes | None) -> Work:
    environment = configuration.read_environment(os.environ)
    Lookup.api_key = environment.require("crm_api_key")
    expected, form = _expectations(plan.dataset, keys)
    Lookup.work = Work(
        race=plan.race,
        contacts=plan.keys,
        seed=plan.seed,
        targets={t.name: Target(t.name, t.kind, t.url, t.ca_file) for t in plan.targets},
        expected=expected,
        form=form,
        worker=worker,
        ledger=Ledger(folder, worker, plan.race.ledger),
        racing=True,
        lab=lab,
    )
    return Lookup.work


def _plain_work(worker: int) -> Work:
    config = _configuration()
    kinds = _kinds(config)
    if config.dataset.keys_file:
        raise ConfigError(
            "dataset.keys_file: Locust by itself compares no targets with each other",
            fix="use `dragstrip race`, or configure data that was seeded",
        )
    if config.uses_lab:
        config = lab.resolve(config)
    Lookup.api_key = config.environment.require("crm_api_key")
    expected, form = _expectations(config.dataset, None)
    return Work(
        race=config.race,
        contacts=config.dataset.contacts,
        seed=config.dataset.seed,
        targets=_targets(config, kinds),
        expected=expected,
        form=form,
        worker=worker,
        ledger=Ledger(None, worker),
        lab=config.environment.dragstrip_lab,
    )


def _expectations(
    dataset: DatasetConfig | PlannedKeys, keys: bytes | None
) -> tuple[Callable[[int], bytes], Callable[[object], bytes]]:
    """Say whom to ask for; return what each is answered, and the form in which that is compared."""
    if isinstance(dataset, PlannedKeys):
        own = references.unpack(keys, dataset.keys)
        Lookup.numbers = own.numbers
        return own.references.expected, own.references.mark
    seeded = Dataset(dataset.seed, dataset.contacts)
    Lookup.numbers = seeded
    return oracle(seeded.answer), canonical


def _or_exit(make: Callable[[], T]) -> T:
    try:
        return make()
    except DragstripError as error:
        error.leave()
