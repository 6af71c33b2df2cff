"""A race from end to end: prechecks, backends, preparation, plan, load, conclusion."""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from dragstrip import operating_system
from dragstrip.analysis import calibration
from dragstrip.errors import UsageError
from dragstrip.live import metrics_server, web_exchange
from dragstrip.race import fault_injection, locust_process, otel, prechecks
from dragstrip.race.backends import backends
from dragstrip.race.fault_injection import injecting
from dragstrip.race.monitor import RaceMonitor as RaceMonitor
from dragstrip.race.monitor import RaceProgress as RaceProgress
from dragstrip.race.monitor import Result as Result
from dragstrip.race.monitor import conclude as conclude
from dragstrip.race.setup import Options as Options
from dragstrip.race.setup import Setup, bind, rebind, sides
from dragstrip.race.web_start import WebStart
from dragstrip.run import folder as run_folder
from dragstrip.run import live_stats
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.scenario import targets_of
from dragstrip.scenario.planned import planned
from dragstrip.signals import signals_as_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.config.config import Config
    from dragstrip.race.monitor import Stored
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Calibrated
    from dragstrip.run.plan import Plan
    from dragstrip.scenario import Scenario

_START_S = 60.0
_SLICE_MARGIN_S = 15.0


def race(
    config: Config,
    options: Options,
    progress: RaceProgress,
    tell: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Compare the configured baseline and challenger. Raises DragstripError; see errors.py.

    With a web UI, `tell` is called with the result while the page still shows the race.
    """
    config, scenario = bind(config)
    known = calibration.consult(
        config, sides(config, scenario), options.processes, this_machine(), these_versions()
    )
    # What this machine can send says nothing of the workers'.
    ceiling_per_s = known.ceiling_per_s if known and not options.workers else None

    def check(asked: Config, scenario: Scenario) -> None:
        prechecks.require(
            asked,
            processes=options.processes,
            makes_load=options.workers is None,
            ceiling_per_s=ceiling_per_s,
            operations=planned(scenario),
            keys=scenario.keys,
        )

    check(config, scenario)
    run_folder.require_room(options.out)
    metrics_server.require_port(config.race)
    if config.race.otel:
        otel.require()
    fault_injection.require(options.faults, config, web=options.web is not None)
    with ExitStack() as stack:
        setup = stack.enter_context(ready(config, scenario, options, progress, known))
        stored = setup.store()
        injector = stack.enter_context(injecting(options.faults, stored.folder.path))
        if options.web:
            monitor: RaceMonitor = WebStart(
                options.web,
                setup,
                stored,
                progress,
                check=lambda asked: check(*bind(asked)),
                tell=tell,
            )
        else:
            monitor = RaceMonitor(
                stored,
                progress,
                review=lambda: setup.review(stored.folder),
                remarks=lambda: setup.remarks(stored.folder),
                writes=lambda: setup.scenario.writes(stored.folder),
                faults=injector.finish,
            )
        with metrics_server.serving(*stored):
            return perform(setup, stored, monitor, progress)


@contextmanager
def ready(
    config: Config,
    scenario: Scenario,
    options: Options,
    progress: RaceProgress,
    known: Calibrated | None = None,
) -> Iterator[Setup]:
    """Yield a race that may start: backends up, targets proven fit by the scenario, as bound.

    A lab that was started for it goes down afterwards, whatever ends the block.
    """
    with (
        signals_as_interrupts(),
        backends(config, scenario, progress.say, keep_lab=options.keep_lab) as found,
    ):
        if other := operating_system.remark():
            progress.say(f"warning: {other}")
        scenario = rebind(found)
        facts = scenario.prepare(list(targets_of(found).values()), progress)
        yield Setup(found, scenario, facts, options, known)


def run_once(setup: Setup, progress: RaceProgress) -> Result:
    """Store a plan, run it, and conclude; the scenario does not review the targets again."""
    stored = setup.store()
    return perform(setup, stored, RaceMonitor(stored, progress), progress)


def perform(setup: Setup, stored: Stored, monitor: RaceMonitor, progress: RaceProgress) -> Result:
    """Run Locust on a stored plan, and conclude from whatever it recorded.

    A race that the web UI starts returns when that is ended, which it has to be from outside.
    """
    plan, folder, run = stored
    workers, web = setup.options.workers, monitor.web
    if workers:
        progress.say(f"race: waiting for {workers.count} workers at {workers.bind}")
    if web:
        progress.say(f"web UI: {web.ui.url} starts the race; Ctrl-C ends both")
    try:
        finished = locust_process.run(
            folder,
            processes=run.processes,
            scenario_variables=setup.scenario.variables(),
            lab=run.lab,
            limit_s=math.inf if web else _limit_s(plan) + (workers.wait_s if workers else 0),
            tick=monitor.tick,
            workers=workers,
            handoff=setup.scenario.handoff(),
            otel=plan.race.otel,
            web=web,
        )
        if not monitor.is_started:
            raise UsageError(
                f"Locust's web UI ended before a race was started: {_last_words(folder)}",
                fix="start the race again, or give another --web-port",
            )
        return monitor.result or monitor.conclude(finished=finished)
    except KeyboardInterrupt:
        if not monitor.is_started:
            progress.say("race: none was started, so none is stored")
            raise
        return monitor.result or monitor.conclude(finished=False, stopped=True)
    finally:
        web_exchange.clear(folder.path)
        # With a web UI, Locust outlived the race by a moment, and may have written it again.
        live_stats.remove(folder.path)
        if not monitor.is_started:
            run_folder.discard(folder)


def _last_words(folder: RunFolder) -> str:
    return locust_process.log_tail(folder, 1) or "it said nothing"


def _limit_s(plan: Plan) -> float:
    one = plan.race.slice + 2 * plan.race.timeout + _SLICE_MARGIN_S
    return _START_S + one * len(plan.slices)
