"""What cannot give a valid run is refused before anything is started or sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import scipy

from dragstrip.analysis.gates import SAMPLES_NEEDED
from dragstrip.analysis.ratio import MIN_PAIRS
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Config, RaceConfig

MOST_RISK = 0.05
"""Of a run whose smallest slice holds too few lookups by the chance of its arrivals alone."""


@dataclass(frozen=True, slots=True)
class _Problem:
    what: str
    fix: str


def require(config: Config, *, processes: int, ceiling_per_s: float | None = None) -> None:
    """Check that a race can lead to a verdict. Raises UsageError naming every reason why not.

    `ceiling_per_s` is the most that one process was found to send on this machine.
    """
    problems = [
        *_pairs(config.race),
        *_samples(config),
        *_processes(config.race, processes),
        *_rate(config.race, processes, ceiling_per_s),
    ]
    if problems:
        raise UsageError(
            "; ".join(problem.what for problem in problems),
            fix="; ".join(problem.fix for problem in problems),
        )


def _pairs(race: RaceConfig) -> Iterator[_Problem]:
    if race.pairs < MIN_PAIRS:
        yield _Problem(
            f"race.pairs = {race.pairs} is fewer than the {MIN_PAIRS} that a verdict needs",
            f"give --pairs {MIN_PAIRS} or more",
        )


def _samples(config: Config) -> Iterator[_Problem]:
    race, needed = config.race, SAMPLES_NEEDED[config.rules.metric]
    if race.closed_model or _risk(race, race.rate * race.counted_s, needed) <= MOST_RISK:
        return
    expected = _enough(race, needed)
    yield _Problem(
        f"race.rate = {race.rate:g} over {race.counted_s:g} counted seconds gives about "
        f"{race.rate * race.counted_s:.0f} lookups a slice; rules.metric = {config.rules.metric} "
        f"needs {needed} in every one, so about {expected}",
        f"give --rate {math.ceil(expected / race.counted_s)}, or --slice "
        f"{math.ceil(expected / race.rate + race.settle)}",
    )


def lowest_rate(config: Config) -> int:
    """Return the lowest rate at which every slice holds the answers that a verdict needs."""
    needed = SAMPLES_NEEDED[config.rules.metric]
    return math.ceil(_enough(config.race, needed) / config.race.counted_s)


def _risk(race: RaceConfig, expected: float, needed: int) -> float:
    """Return how likely the smallest slice holds fewer than needed."""
    if race.arrivals == "constant":
        # The number is fixed but for the one at the edge.
        return float(expected < needed + 1)
    one = float(scipy.stats.poisson.cdf(needed - 1, expected))
    return 1 - (1 - one) ** race.pairs


def _enough(race: RaceConfig, needed: int) -> int:
    expected = needed
    while _risk(race, expected, needed) > MOST_RISK:
        expected += 1
    return expected


def _processes(race: RaceConfig, processes: int) -> Iterator[_Problem]:
    if processes > race.users:
        yield _Problem(
            f"--processes {processes} exceeds race.users ({race.users})",
            "every process needs a connection of its own: raise race.users",
        )


def _rate(race: RaceConfig, processes: int, ceiling_per_s: float | None) -> Iterator[_Problem]:
    if ceiling_per_s is None or race.rate <= ceiling_per_s * processes:
        return
    ceiling = math.floor(ceiling_per_s)
    yield _Problem(
        f"race.rate = {race.rate:g} is beyond what this machine was calibrated to send, "
        f"{ceiling * processes} a second with {processes} process{'es' * (processes > 1)}",
        f"give --rate {ceiling * processes} or less, or more --processes, or calibrate again",
    )
