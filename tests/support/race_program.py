"""`dragstrip` as it is, but for the preflight: stand-ins have no stores that could be checked.

A program of its own, so that races can run side by side and be killed:

    python -m tests.support.race_program [--anyhow] race --pairs 2 ...

With --anyhow, a race too short for a verdict is run all the same.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dragstrip.cli import main
from dragstrip.race import prechecks, preflight
from seeding.dataset.dataset import GENERATOR, Dataset

if TYPE_CHECKING:
    from typing import Any

    from dragstrip.config.config import Config
    from seeding.dataset.model import Manifest

ANYHOW = "--anyhow"


def manifest_of(config: Config) -> Manifest:
    """Return what a store with the configured dataset would say it holds."""
    dataset = Dataset(config.dataset.seed, config.dataset.contacts)
    return {
        "seed": dataset.seed,
        "contacts": dataset.contacts,
        "digest": dataset.digest(),
        "generator": GENERATOR,
        "state": "complete",
    }


def same(config: Config) -> None:
    """Say that the stores hold the same as before."""


def allow(config: Config, **_: Any) -> None:
    """Refuse nothing."""


if __name__ == "__main__":
    preflight.check = manifest_of
    preflight.difference = same
    if ANYHOW in sys.argv:
        sys.argv.remove(ANYHOW)
        prechecks.require = allow
    main.main()
