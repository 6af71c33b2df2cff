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

from dragstrip import open_files
from dragstrip.config import config as configuration
from dragstrip.errors import DragstripError, StorageError
from dragstrip.ledger.writer import Ledger
from dragstrip.load import locust_compat, locust_pages
from dragstrip.load.distributed import final_stats
from dragstrip.load.distributed.master import RaceMaster
from dragstrip.load.distributed.worker import RaceWorker
from dragstrip.load.locust_user import ConnectionUser, Work, end_with_parent, raise_priority
from dragstrip.load.race_driver import SingleProcessDriver
from dragstrip.redact import redact_logs
from dragstrip.run import plan as plans
from dragstrip.run.ipc import PAGES_VARIABLE, RUNS_VARIABLE, read_handoff
from dragstrip.run.plan import LEDGER_FOLDER
from dragstrip.scenario import targets_of
from dragstrip.scenario.find import find
from dragstrip.scenario.kinds import kind_of, kinds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from locust import User
    from locust.env import Environment
    from locust.event import Events

    from dragstrip.config.config import Config
    from dragstrip.load.objective import OverObjective
    from dragstrip.run.plan import Plan
    from dragstrip.scenario import Scenario
    from dragstrip.scenario.kinds import TargetKind

CONFIG_VARIABLE = "DRAGSTRIP_CONFIG"

RACE_CLASSES = ("Baseline", "Challenger")
"""The user classes of every race, so that workers know them before they have the plan."""

T = TypeVar("T")


def user_classes() -> dict[str, type[ConnectionUser]]:
    """Return one user class per target, by name.

    A target that is the only one of its kind gives `ConvexHttpLookup`; of several, each gives
    `ConvexHttpLookup_name`. With no [targets] configured there is one for every kind that has an
    address.
    """
    return _or_exit(_user_classes)


def race_classes() -> dict[str, type[ConnectionUser]]:
    """Return a race's two user classes by name; a worker's are bound once it has the plan."""
    plan = _or_exit(plans.current)
    if plan:
        # Loaded before the workers are forked, it costs none of them time or memory.
        _or_exit(lambda: find(plan.scenario.name))
    return _or_exit(lambda: _race_classes(plan))


def attach(events: Events) -> None:
    """Hook into Locust: safe defaults for its command line, and the set-up of each process."""
    events.init_command_line_parser.add_listener(_set_defaults)
    events.init.add_listener(_prepare)


def class_names(kinds: dict[str, str], scenario: str) -> dict[str, str]:
    """Return the name of each target's user class."""
    often = Counter(kinds.values())
    return {
        target: _title(kind) + _title(scenario) + (f"_{_identifier(target)}" * (often[kind] > 1))
        for target, kind in kinds.items()
    }


def _user_classes() -> dict[str, type[ConnectionUser]]:
    config = _configuration()
    scenario = find(config.scenario.name)
    asked = _kinds(config, scenario)
    return {
        name: _user_class(name, target, asked[target])
        for target, name in class_names(asked, scenario.name or scenario.__name__).items()
    }


def _race_classes(plan: Plan | None) -> dict[str, type[ConnectionUser]]:
    if plan is None:
        return {name: type(name, (ConnectionUser,), {"abstract": False}) for name in RACE_CLASSES}
    classes = {
        name: _user_class(name, target.name, target.kind)
        for name, target in zip(RACE_CLASSES, plan.targets, strict=True)
    }
    _show_addresses(classes.values(), {target.name: target.url for target in plan.targets})
    return classes


def _gets_plan_later() -> bool:
    return RUNS_VARIABLE in os.environ


def _user_class(name: str, target: str, kind: str) -> type[ConnectionUser]:
    attributes = {"abstract": False, "target_name": target, "__doc__": kind_of(kind).title + "."}
    return type(name, (ConnectionUser,), attributes)


def _title(name: str) -> str:
    parts = re.split("[^0-9A-Za-z]+", name)
    return "".join(part[:1].upper() + part[1:] for part in parts)


def _identifier(target: str) -> str:
    return target.replace("-", "_")


def _configuration(profile: str | None = None) -> Config:
    path = os.environ.get(CONFIG_VARIABLE)
    flags = {"race": {"profile": profile}}
    return configuration.load(os.environ, Path(path) if path else None, flags)


def _kinds(config: Config, scenario: type[Scenario]) -> dict[str, str]:
    """Return the kind of each target: those configured, or all that have an address."""
    configured = {name: target.kind for name, target in config.targets.items()}
    if "targets" in config.model_fields_set:
        return configured
    by_default = {kind: name for name, kind in configured.items()}
    return {
        by_default.get(name, name): name
        for name, kind in kinds().items()
        if name in scenario.kinds and _can_be_asked(config, kind)
    }


def _can_be_asked(config: Config, kind: TargetKind) -> bool:
    if kind.address_variable is None:
        return False
    needed = [one for one in (kind.address_variable, kind.credential_variable) if one]
    return config.uses_lab or all(getattr(config.environment, one.lower()) for one in needed)


def _with_targets(config: Config, asked: dict[str, str]) -> Config:
    named = {
        name: config.targets.get(name, configuration.TargetConfig(kind=kind))
        for name, kind in asked.items()
    }
    return config.model_copy(update={"targets": named})


def _set_defaults(parser: Any, **_: Any) -> None:
    # Locust would listen on every interface, and drop what is in flight when a test stops. When a
    # race stops nothing is in flight: its connections wait for arrivals that never come.
    plan = plans.current()
    in_race = plan or _gets_plan_later()
    wait_s = 0 if in_race else _or_exit(_configuration).race.timeout + 1
    parser.set_defaults(web_host="127.0.0.1", class_picker=not in_race, stop_timeout=wait_s)
    if not in_race:
        # Locust has a --profile of its own, which groups test runs.
        parser.add_argument(
            "--load-profile",
            metavar="PROFILE",
            env_var="LOCUST_LOAD_PROFILE",
            include_in_web_ui=False,
            help="How the load varies, such as ramp:10..100; overrides race.profile",
        )


def _prepare(environment: Environment, **_: Any) -> None:
    redact_logs()
    end_with_parent()
    raise_priority()
    if environment.web_ui and PAGES_VARIABLE in os.environ:
        locust_pages.keep(environment.web_ui)
    # Locust sets its timers, --run-time among them, by the loop's idea of the time, which is as old
    # as the imports took.
    gevent.get_hub().loop.update_now()
    _or_exit(lambda: _bind(environment))


def _bind(environment: Environment) -> None:
    plan = plans.current()
    if plan or _gets_plan_later():
        _bind_to_race(environment, plan)
        return
    final_stats.collect(environment, lambda: ConnectionUser.work.collector.collect())
    if not isinstance(environment.runner, MasterRunner):
        profile = getattr(environment.parsed_options, "load_profile", None)
        ConnectionUser.work = _plain_work(locust_compat.own_number(environment.runner), profile)
        urls = {name: target.url for name, target in ConnectionUser.work.targets.items()}
        _show_addresses(environment.user_classes, urls)


def _bind_to_race(environment: Environment, plan: Plan | None) -> None:
    lab = configuration.read_environment(os.environ).dragstrip_lab

    def join(plan: Plan, lab: bool, worker: int, handoff: bytes | None) -> Work:
        environment.user_classes[:] = list(_race_classes(plan).values())
        return _race_work(plan, worker, _ledger_folder(plan), lab, handoff)

    if isinstance(environment.runner, WorkerRunner):
        # One way for all: those that this machine's master forked get their plan by message too.
        RaceWorker(environment, join).attach()
    elif plan and isinstance(environment.runner, MasterRunner):
        RaceMaster(environment, plan, plans.folder(), lab=lab, handoff=read_handoff()).attach()
    elif plan:
        handoff = read_handoff()
        SingleProcessDriver(
            environment, plan, plans.folder(), lambda plan: join(plan, lab, 0, handoff)
        ).attach()


def _ledger_folder(plan: Plan) -> Path:
    runs = os.environ.get(RUNS_VARIABLE)
    if runs is None:
        run = plans.folder()
    # What answers on the master's port must not choose where this process writes.
    elif not re.fullmatch("[0-9A-Za-z][0-9A-Za-z-]*", plan.run_id):
        raise StorageError(f"the master's run id is not a valid name: {plan.run_id!r}")
    else:
        run = Path(runs) / plan.run_id
    folder = run / LEDGER_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _show_addresses(classes: Iterable[type[User]], urls: dict[str, str]) -> None:
    # The web UI asks for a host where a class has none. Nothing is ever sent to this attribute.
    for user_class in classes:
        if issubclass(user_class, ConnectionUser):
            user_class.host = urls[user_class.target_name]


def _race_work(plan: Plan, worker: int, folder: Path, lab: bool, handoff: bytes | None) -> Work:
    scenario = find(plan.scenario.name)(plan.config(os.environ))
    scenario.run_id = plan.run_id
    scenario.receive(handoff)
    scenario.variables()
    if scenario.keys != plan.keys:
        raise StorageError(
            f"scenario {plan.scenario.name} has {scenario.keys:,} keys in this process, and "
            f"{plan.keys:,} in the race's plan"
        )
    open_files.allow(open_files.needed(plan.race.connections))
    ConnectionUser.work = Work(
        race=plan.race,
        scenario=scenario,
        seed=plan.seed,
        targets=targets_of(scenario.config),
        worker=worker,
        ledger=Ledger(folder, worker, plan.race.ledger),
        racing=True,
        lab=lab,
        folder=folder.parent,
        over=_over(plan),
    )
    return ConnectionUser.work


def _over(plan: Plan) -> OverObjective | None:
    if not plan.is_search:
        return None
    # With SciPy, which is large: a race's processes do without it.
    from dragstrip.load.objective import OverObjective

    return OverObjective(plan)


def _plain_work(worker: int, profile: str | None) -> Work:
    config = _configuration(profile)
    asked = _kinds(config, find(config.scenario.name))
    if config.uses_lab:
        from dragstrip import lab

        config = lab.resolve(config)
    config = _with_targets(config, asked)
    scenario = find(config.scenario.name)(config)
    scenario.validate()
    scenario.receive(None)
    scenario.variables()
    race = config.race
    return Work(
        race=race if scenario.has_misses else race.model_copy(update={"miss": 0}),
        scenario=scenario,
        seed=config.dataset.seed,
        targets=targets_of(config),
        worker=worker,
        ledger=Ledger(None, worker),
        lab=config.environment.dragstrip_lab,
    )


def _or_exit(make: Callable[[], T]) -> T:
    try:
        return make()
    except DragstripError as error:
        error.leave()
