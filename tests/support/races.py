"""Runs real races between stand-ins: Locust, its processes and the stored run are the real ones."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from dragstrip import race
from dragstrip.config import Config
from seeding.dataset import GENERATOR, Dataset
from seeding.progress import Silent
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from seeding.model import Manifest
    from seeding.progress import Reporter

DATASET = Dataset(42, 60)
SHORT = {"pairs": 2, "slice": 0.6, "settle": 0.1, "rate": 150, "users": 16, "timeout": 5}


class Quiet:
    def seeding(self) -> AbstractContextManager[Reporter]:
        return nullcontext(Silent())

    def say(self, line: str) -> None:
        pass

    def slices(self, done: int, planned: int) -> None:
        pass


def configure(old: StandIn, new: StandIn, **settings: Any) -> Config:
    config = Config.model_validate(
        {
            "targets": {
                "old": {"kind": "next-supabase", "url": old.url},
                "new": {"kind": "convex-http", "url": new.url},
            },
            "dataset": {"seed": DATASET.seed, "contacts": DATASET.contacts},
            "race": {"baseline": "old", "challenger": "new", **SHORT, **settings},
        }
    )
    return config.with_environment({"CRM_API_KEY": API_KEY})


def run(
    out: Path,
    config: Config,
    *,
    processes: int = 1,
    seed: int = 7,
    progress: race.Progress | None = None,
) -> race.Result:
    """Race without lab, seeding and preflight, which stand-ins cannot pass."""
    options = race.Options(out=out, processes=processes, seed=seed)
    manifest: Manifest = {
        "seed": DATASET.seed,
        "contacts": DATASET.contacts,
        "digest": DATASET.digest(),
        "generator": GENERATOR,
        "state": "complete",
    }
    prepared = race.prepare(config, options, manifest)
    return race.perform(config, *prepared, progress or Quiet())
