"""A search for what two targets carry, from end to end: prechecks, backends, load, conclusion."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from dragstrip.analysis import calibration
from dragstrip.analysis.capacity import conclude
from dragstrip.capacity.bounds import bounds_of, connections_of
from dragstrip.capacity.hunt import Hunt
from dragstrip.capacity.script import MOST_RECOVERIES, most_requests, most_s, most_slices
from dragstrip.errors import UsageError
from dragstrip.race import locust_process, prechecks, race, single_load
from dragstrip.race.race import RaceProgress
from dragstrip.race.setup import Options, bind, sides
from dragstrip.report.capacity_exporters import CAPACITY_FILE
from dragstrip.run import folder as run_folder
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.scenario.planned import planned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.analysis.capacity import Bounds
    from dragstrip.analysis.capacity_model import Capacity, CapacitySlice
    from dragstrip.config.config import Config, RaceConfig
    from dragstrip.race.setup import Setup
    from dragstrip.run.folder import RunFolder
    from dragstrip.scenario import Scenario


class SearchProgress(RaceProgress, Protocol):
    """How a search is followed."""

    def see(self, found: Capacity) -> None:
        """Show what was found so far. Called when a slice is over."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line adds: the bounds of the search, and where it is stored."""

    lowest_per_s: float | None
    highest_per_s: float | None
    options: Options


@dataclass(frozen=True, slots=True)
class PreparedSearch:
    """A search that may start: nothing was sent or started yet."""

    config: Config
    scenario: Scenario
    bounds: Bounds

    def outlook(self) -> str:
        """Say how much is sent to each target at most."""
        bounds, race = self.bounds, self.config.race
        minutes = math.ceil(2 * most_s(bounds, race) / 60)
        return (
            f"at most {most_requests(bounds, race):,} requests, from {bounds.lowest_per_s:g} up to "
            f"{bounds.highest_per_s:g}/s, in at most {minutes} min"
        )


def prepare(config: Config, settings: Settings) -> PreparedSearch:
    """Check what is asked for. Raises DragstripError before anything is started or sent."""
    config, scenario = bind(config)
    if scenario.numbered:
        raise UsageError(
            f"capacity: scenario {config.scenario.name} stores each message once, and its review "
            "needs a race's fixed plan",
            fix="name a scenario that only reads, such as lookup",
        )
    if config.race.keys == "once":
        raise UsageError(
            'race.keys = "once": a search does not know beforehand how many keys it asks for',
            fix='give race.keys = "uniform"',
        )
    peak = _peak_of(config.race)
    known = calibration.consult(
        config, sides(config, scenario), 1, this_machine(), these_versions()
    )
    bounds = bounds_of(
        config,
        planned(scenario),
        lowest_per_s=settings.lowest_per_s,
        highest_per_s=settings.highest_per_s,
        ceiling_per_s=known.ceiling_per_s / peak if known and known.ceiling_per_s else None,
    )
    connections = connections_of(config, bounds)
    changes = {"rate": bounds.highest_per_s, "connections": connections}
    config = config.model_copy(update={"race": config.race.model_copy(update=changes)})
    # Of a log, a search plays as much as there are rounds for.
    unvaried = config.race.model_copy(update={"profile": None})
    prechecks.require(
        config.model_copy(update={"race": unvaried}), processes=1, operations=planned(scenario)
    )
    run_folder.require_room(settings.options.out)
    scenario.config = config
    return PreparedSearch(config, scenario, bounds)


def _peak_of(race: RaceConfig) -> float:
    """Return how many times its mean a profile's highest rate is. Raises UsageError.

    A log goes on from round to round; every other profile is played as a whole by each slice.
    """
    if race.shape is None:
        return 1.0
    if not race.shape.is_exact and race.slice % race.shape.period_s:
        raise UsageError(
            f"race.profile = {race.profile} lasts {race.shape.period_s:g} s: each slice of a "
            f"search plays all of it, and has {race.slice:g} s",
            fix="leave the profile's period out, or give --slice a multiple of it",
        )
    return race.shape.highest_per_s / race.rate


def measure(prepared: PreparedSearch, settings: Settings, progress: SearchProgress) -> StoredSearch:
    """Find what both targets carry, and store it. Raises DragstripError."""
    options = replace(settings.options, out=settings.options.out / run_folder.SEARCHES)
    with race.ready(prepared.config, prepared.scenario, options, progress) as setup:
        return search(setup, prepared.bounds, progress)


def search(setup: Setup, bounds: Bounds, progress: SearchProgress) -> StoredSearch:
    """Search with targets that are proven fit; also what was interrupted is stored.

    Raises DragstripError.
    """
    folder = run_folder.create(setup.options.out)
    plan = setup.plan_in(folder).model_copy(update={"slices": (), "is_search": True})
    folder.write_plan(plan)
    facts = setup.facts_of(plan)

    def store(
        slices: Sequence[CapacitySlice], *, findings: Sequence[str] = (), over: bool = False
    ) -> Capacity:
        found = conclude(plan, facts, slices, bounds, findings, interrupted=not over)
        folder.write_report(CAPACITY_FILE, found.model_dump_json(indent=2) + "\n")
        return found

    store([])
    hunt = Hunt(plan, folder, bounds, lambda slices: progress.see(store(slices)))
    most = 2 * (most_slices(bounds) + MOST_RECOVERIES)
    found = single_load.play(
        setup,
        folder,
        limit_s=locust_process.limit_s(plan.race, most),
        tick=hunt.tick,
        store=lambda finished, findings: store(hunt.slices, findings=findings, over=finished),
    )
    return StoredSearch(folder, found)


@dataclass(frozen=True, slots=True)
class StoredSearch:
    """A stored search."""

    folder: RunFolder
    capacity: Capacity
