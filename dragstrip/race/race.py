"""A race from end to end: prechecks, backends, preparation, plan, load, conclusion."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dragstrip import operating_system
from dragstrip.analysis import calibration
from dragstrip.live import metrics_server
from dragstrip.race import fault_injection, locust_process, otel, prechecks
from dragstrip.race.backends import backends
from dragstrip.race.fault_injection import injecting
from dragstrip.race.monitor import RaceMonitor as RaceMonitor
from dragstrip.race.monitor import RaceProgress as RaceProgress
from dragstrip.race.monitor import Result as Result
from dragstrip.race.monitor import conclude as conclude
from dragstrip.race.setup import Admitted, Setup, bind, prepared, sides
from dragstrip.race.setup import Options as Options
from dragstrip.run import folder as run_folder
from dragstrip.run import live_stats
from dragstrip.run.ipc import LocustPages, free_port
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.scenario.planned import planned
from dragstrip.signals import signals_as_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.config.config import Config
    from dragstrip.race.monitor import Stored
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Calibrated
    from dragstrip.scenario import Scenario


def race(
    config: Config,
    options: Options,
    progress: RaceProgress,
    tell: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Compare the configured baseline and challenger. Raises DragstripError; see errors.py.

    With a web UI, `tell` is called with each result while the page still shows the race.
    """
    admitted = _admitted(config, options)
    run_folder.require_room(options.out)
    metrics_server.require_port(config.race)
    if config.race.otel:
        otel.require()
    fault_injection.require(options.faults, admitted.config, web=options.web is not None)
    pages = LocustPages(free_port(), secrets.token_urlsafe()) if options.web else None
    options = replace(options, pages=pages)
    with ready(admitted.config, admitted.scenario, options, progress, admitted.known) as setup:
        if options.web:
            # With a web server, which no other race waits for.
            from dragstrip.race.web_session import WebSession

            return WebSession(
                config,
                setup,
                admit=lambda asked: _admitted(asked, options),
                race=partial(_conducted, progress=progress),
                tell=tell,
                say=progress.say,
            ).serve()
        return _conducted(setup, progress)


def _admitted(config: Config, options: Options) -> Admitted:
    """Return a race that can lead to a verdict, before anything is sent. Raises DragstripError."""
    config, scenario = bind(config)
    known = calibration.consult(
        config, sides(config, scenario), options.processes, this_machine(), these_versions()
    )
    prechecks.require(
        config,
        processes=options.processes,
        makes_load=options.workers is None,
        # What this machine can send says nothing of the workers'.
        ceiling_per_s=known.ceiling_per_s if known and not options.workers else None,
        operations=planned(scenario),
        keys=scenario.keys,
    )
    return Admitted(config, scenario, known)


def _conducted(
    setup: Setup,
    progress: RaceProgress,
    begun: Callable[[RunFolder], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Result:
    """Store a plan, run it, conclude, and review the targets."""
    stored = setup.store()
    with (
        injecting(setup.options.faults, stored.folder.path) as injector,
        metrics_server.serving(*stored),
    ):
        monitor = RaceMonitor(
            stored,
            progress,
            review=lambda: setup.review(stored.folder),
            remarks=lambda: setup.remarks(stored.folder),
            writes=lambda: setup.scenario.writes(stored.folder),
            faults=injector.finish,
            is_stopped=is_stopped,
        )
        begun(stored.folder)
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
        yield prepared(Admitted(found, scenario, known), options, progress)


def run_once(setup: Setup, progress: RaceProgress) -> Result:
    """Store a plan, run it, and conclude; the scenario does not review the targets again."""
    stored = setup.store()
    return perform(setup, stored, RaceMonitor(stored, progress), progress)


def perform(setup: Setup, stored: Stored, monitor: RaceMonitor, progress: RaceProgress) -> Result:
    """Run Locust on a stored plan, and conclude from whatever it recorded."""
    plan, folder, run = stored
    workers = setup.options.workers
    limit_s = locust_process.limit_s(plan.race, len(plan.slices))
    if workers:
        progress.say(f"race: waiting for {workers.count} workers at {workers.bind}")
    try:
        finished = locust_process.run(
            folder,
            processes=run.processes,
            scenario_variables=setup.scenario.variables(),
            lab=run.lab,
            limit_s=limit_s + (workers.wait_s if workers else 0),
            tick=monitor.tick,
            workers=workers,
            handoff=setup.scenario.handoff(),
            otel=plan.race.otel,
            pages=setup.options.pages,
        )
        return monitor.conclude(finished=finished)
    except KeyboardInterrupt:
        return monitor.conclude(finished=False, stopped=True)
    finally:
        live_stats.remove(folder.path)
