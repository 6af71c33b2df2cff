"""Runs the whole instrument: a real race by Locust in a subprocess, on a core of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.lookups import API_KEY, DATASET
from benchmarks.scheduling import placed
from dragstrip.config.config import Config
from dragstrip.race import race
from dragstrip.race.setup import Setup, bind
from scenarios.crm.seeded import facts_of
from seeding.dataset.dataset import GENERATOR
from seeding.verify import DataProof

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragstrip.config.config import Metric
    from dragstrip.ledger.rows import Rows
    from dragstrip.live.follow import State
    from dragstrip.run.ipc import Workers
    from seeding.dataset.model import Manifest


class SilentProgress:
    """Hears how a race goes on, and says nothing."""

    def say(self, line: str) -> None:
        """Say nothing."""

    def watch(self, state: State, metric: Metric) -> None:
        """Say nothing."""


def race_at(
    url: str,
    out: Path,
    cores: set[int],
    *,
    processes: int = 1,
    seed: int = 7,
    first: bool = True,
    workers: Workers | None = None,
    progress: race.RaceProgress | None = None,
    **settings: Any,
) -> race.Result:
    """Race one server's two paths against each other; `settings` are fields of [race].

    The generator is held to `cores` and comes `first` there. Raises RuntimeError for a race that
    did not run to its end.
    """
    config = Config.model_validate(
        {
            "targets": {
                "baseline": {"kind": "next-supabase", "url": url},
                "challenger": {"kind": "convex-http", "url": url},
            },
            "dataset": {"seed": DATASET.seed, "contacts": DATASET.contacts},
            "race": {"baseline": "baseline", "challenger": "challenger", **settings},
        }
    ).with_environment({"CRM_API_KEY": API_KEY})
    manifest: Manifest = {
        "seed": DATASET.seed,
        "contacts": DATASET.contacts,
        "digest": DATASET.digest(),
        "generator": GENERATOR,
        "state": "complete",
    }
    options = race.Options(out=out, processes=processes, seed=seed, workers=workers)
    config, scenario = bind(config)
    facts = facts_of(DataProof(manifest, ["Convex", "Supabase"], compared=1, ranges=1))
    setup = Setup(config, scenario, facts, options)
    with placed(cores, first=first):
        return _finished(race.run_once(setup, progress or SilentProgress()))


def endpoint_race_at(
    url: str, out: Path, cores: set[int], operation: Mapping[str, Any], **settings: Any
) -> race.Result:
    """Race one server against itself with the scenario `endpoint`.

    `operation` are fields of [scenario], and `settings` of [race]. Raises RuntimeError for a race
    that did not run to its end.
    """
    config = Config.model_validate(
        {
            "scenario": {"name": "endpoint", **operation},
            "targets": {"baseline": {"url": url}, "challenger": {"url": url}},
            "race": {"baseline": "baseline", "challenger": "challenger", **settings},
        }
    )
    options = race.Options(out=out, seed=7)
    with placed(cores), race.ready(*bind(config), options, SilentProgress()) as setup:
        return _finished(race.run_once(setup, SilentProgress()))


def _finished(result: race.Result) -> race.Result:
    if result.unfinished:
        raise RuntimeError(f"the race did not run to its end: {result.unfinished}")
    return result


def rows_of(result: race.Result) -> Rows:
    """Return every row of a race's ledgers."""
    rows: Rows = np.concatenate([segment.rows for segment in result.folder.read_ledger()])
    return rows


def gate(result: race.Result, name: str) -> float:
    """Return the figure of a validity gate."""
    return next(gate.figure for gate in result.run.gates if gate.name == name)
