"""Races that may start without a preflight: stand-ins have no stores that could be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.race.setup import Setup, bind
from scenarios.crm.seeded import facts_of
from seeding.dataset.dataset import GENERATOR, Dataset
from seeding.verify import DataProof

if TYPE_CHECKING:
    from dragstrip.config.config import Config
    from dragstrip.race.race import Options


def proof_of(config: Config) -> DataProof:
    """Return what two stores with the configured dataset would prove."""
    dataset = Dataset(config.dataset.seed, config.dataset.contacts)
    return DataProof(
        {
            "seed": dataset.seed,
            "contacts": dataset.contacts,
            "digest": dataset.digest(),
            "generator": GENERATOR,
            "state": "complete",
        },
        ["Convex", "Supabase"],
        compared=1,
        ranges=1,
    )


def setup_of(config: Config, options: Options) -> Setup:
    """Return a race of seeded contacts that is ready to be stored."""
    config, scenario = bind(config)
    return Setup(config, scenario, facts_of(proof_of(config)), options)
