"""A race whose result is of use only when it ran to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import InvalidRun
from dragstrip.race import race

if TYPE_CHECKING:
    from dragstrip.race.race import RaceProgress
    from dragstrip.race.setup import Setup
    from dragstrip.run.model import Run


def finished_run(setup: Setup, progress: RaceProgress) -> Run:
    """Race and return the run. Raises InvalidRun when it ends early, or KeyboardInterrupt."""
    result = race.run_once(setup, progress)
    if result.unfinished == "interrupted":
        raise KeyboardInterrupt
    if result.unfinished:
        raise InvalidRun(f"Locust ended early:\n{result.unfinished}", fix="run it again")
    return result.run
