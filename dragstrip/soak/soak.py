"""A soak of one target or two from end to end: prechecks, backends, load, conclusion.

Its windows are a race's slices, and its rows are dropped as they are counted: what stays on disk of
a window is its histograms, in slices.jsonl.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dragstrip.analysis.numbers import milliseconds
from dragstrip.analysis.soak import LEAST_WINDOWS, conclude, window_of
from dragstrip.errors import UsageError
from dragstrip.race import locust_process, prechecks, race, single_load
from dragstrip.race.setup import Options, bind
from dragstrip.report.soak_exporters import SOAK_FILE
from dragstrip.run import folder as run_folder
from dragstrip.run.new_slices import NewSlices
from dragstrip.run.plan import alternate
from dragstrip.scenario.planned import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.analysis.soak_model import Soak, SoakWindow
    from dragstrip.config.config import Config
    from dragstrip.race.race import RaceProgress
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.scenario import Scenario

MOST_WINDOWS = 2_000
"""Of a target. A trend is that of all pairs of windows."""


@dataclass(frozen=True, slots=True)
class SoakSettings:
    """What the command line adds. `only` is the one target that is soaked, None: both in turn."""

    length_s: float
    only: str | None
    options: Options


@dataclass(frozen=True, slots=True)
class PreparedSoak:
    """A soak that may start: nothing was sent or started yet. `only` is a target's number."""

    config: Config
    scenario: Scenario
    only: int | None

    def outlook(self) -> str:
        """Say how much is sent, and for how long."""
        race = self.config.race
        sides = 2 if self.only is None else 1
        requests = race.rate * race.slice * race.pairs
        minutes = race.slice * race.pairs * sides / 60
        return (
            f"about {requests:,.0f} requests to each target, {race.rate:g}/s for {minutes:,.0f} "
            f"min, in {race.pairs} windows of {race.slice:g} s each"
        )


@dataclass(frozen=True, slots=True)
class StoredSoak:
    """A stored soak."""

    folder: RunFolder
    soak: Soak


def prepare(config: Config, settings: SoakSettings) -> PreparedSoak:
    """Check what is asked for. Raises DragstripError before anything is started or sent."""
    config, scenario = bind(config)
    if scenario.numbered:
        raise UsageError(
            f"soak: scenario {config.scenario.name} stores each message once, and its review needs "
            "every row, of which a soak keeps none",
            fix="name a scenario that only reads, such as lookup",
        )
    if config.race.profile or config.race.closed_model:
        raise UsageError(
            f"race.profile = {config.race.profile}: a soak keeps one rate"
            if config.race.profile
            else "race.rate = 0: a soak keeps one rate, and the closed model has none",
            fix="give --rate",
        )
    names = (config.race.baseline, config.race.challenger)
    if settings.only is not None and settings.only not in names:
        raise UsageError(
            f"--only {settings.only}: there is no such target",
            fix=f"give {names[0]} or {names[1]}",
        )
    windows = int(settings.length_s / config.race.slice / (1 if settings.only else 2))
    if not LEAST_WINDOWS <= windows <= MOST_WINDOWS:
        raise UsageError(
            f"{settings.length_s:g} s hold {windows} windows of {config.race.slice:g} s for each "
            f"target; a trend needs {LEAST_WINDOWS} to {MOST_WINDOWS:,}",
            fix="give a longer --for or a shorter --window"
            if windows < LEAST_WINDOWS
            else "give a longer --window",
        )
    ledger = config.race.ledger if "ledger" in config.race.model_fields_set else "drop"
    changed = config.race.model_copy(update={"pairs": windows, "ledger": ledger})
    config = config.model_copy(update={"race": changed})
    prechecks.require(config, processes=1, operations=planned(scenario), keys=scenario.keys)
    run_folder.require_room(settings.options.out)
    scenario.config = config
    return PreparedSoak(
        config, scenario, None if settings.only is None else names.index(settings.only)
    )


def measure(prepared: PreparedSoak, settings: SoakSettings, progress: RaceProgress) -> StoredSoak:
    """Soak, and store what came of it. Raises DragstripError."""
    options = replace(settings.options, out=settings.options.out / run_folder.SOAKS)
    with race.ready(prepared.config, prepared.scenario, options, progress) as setup:
        folder = run_folder.create(options.out)
        plan = setup.plan_in(folder)
        plan = plan.model_copy(update={"slices": windows_of(plan, prepared.only)})
        folder.write_plan(plan)
        facts = setup.facts_of(plan)
        follower = _Follower(plan, folder, progress.say)

        def store(finished: bool, findings: Sequence[str] = ()) -> Soak:
            found = conclude(plan, facts, follower.windows, findings, interrupted=not finished)
            folder.write_report(SOAK_FILE, found.model_dump_json(indent=2) + "\n")
            return found

        store(finished=False)
        found = single_load.play(
            setup,
            folder,
            limit_s=locust_process.limit_s(plan.race, len(plan.slices)),
            tick=follower.tick,
            store=store,
        )
        return StoredSoak(folder, found)


def windows_of(plan: Plan, only: int | None) -> tuple[PlannedSlice, ...]:
    """Return the windows of both targets in turn, or of the one with this number alone."""
    own = (one for one in alternate(plan.race.pairs, plan.seed) if only in {None, one.target})
    return tuple(
        one.model_copy(update={"index": index, "position": 0 if only is not None else one.position})
        for index, one in enumerate(own)
    )


class _Follower:
    """The windows so far."""

    def __init__(self, plan: Plan, folder: RunFolder, say: Callable[[str], None]) -> None:
        self.windows: list[SoakWindow] = []
        self._plan = plan
        self._new = NewSlices(folder.path)
        self._say = say

    def tick(self) -> None:
        """Take in the windows that have ended."""
        for report in self._new.read():
            window = window_of(self._plan, report)
            self.windows.append(window)
            self._say(_words(window, len(self._plan.slices)))


def _words(one: SoakWindow, of: int) -> str:
    failed = one.requests - one.verified
    state = (
        f"void: {one.void}" if one.void else f"p95 {milliseconds(one.p95_ms)}, {failed:,} failed"
    )
    return f"soak: window {one.index + 1} of {of}, {one.target}: {state}"
