"""A race whose result is of use only when it ran to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import InvalidRun
from dragstrip.race import race

if TYPE_CHECKING:
    from dragstrip.config.config import Config
    from dragstrip.race.race import Data, Options, Progress
    from dragstrip.run.model import Run


def finished_run(config: Config, options: Options, data: Data, progress: Progress) -> Run:
    """Race and return the run. Raises InvalidRun when it ends early, or KeyboardInterrupt."""
    prepared = race.prepare(config, options, data)
    result = race.perform(config, *prepared, progress, keys=race.handover_of(data))
    if result.unfinished == "interrupted":
        raise KeyboardInterrupt
    if result.unfinished:
        raise InvalidRun(f"Locust ended early:\n{result.unfinished}", fix="run it again")
    return result.run
