"""What cannot give a valid run is refused before anything is started or sent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip import open_files
from dragstrip.analysis.gates import SAMPLES_NEEDED
from dragstrip.analysis.operations import decisive
from dragstrip.analysis.ratio import MIN_PAIRS
from dragstrip.errors import ConfigError, UsageError
from dragstrip.stats.probability import poisson_share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dragstrip.config.config import Config, RaceConfig
    from dragstrip.run.plan import PlannedOperation

MOST_RISK = 0.05
"""Of a run whose smallest slice holds too few requests by the chance of its arrivals alone."""

LEAST_RISK = 0.001
"""Of the same where dragstrip chooses the rate."""


@dataclass(frozen=True, slots=True)
class _Problem:
    what: str
    fix: str


def require(
    config: Config,
    *,
    processes: int,
    operations: Sequence[PlannedOperation],
    keys: int | None = None,
    makes_load: bool = True,
    ceiling_per_s: float | None = None,
) -> None:
    """Check that a race can lead to a verdict. Raises UsageError naming every reason why not.

    `makes_load` says that the processes run on this machine, `ceiling_per_s` is the most that one
    was found to send on it, and `operations` and `keys` are the scenario's.
    """
    problems = [
        *_pairs(config.race),
        *_samples(config, operations),
        *_processes(config.race, processes),
        *_rate(config.race, processes, ceiling_per_s),
        *_lasts(config.race),
        *_once(config, keys),
        *(_open_files(config.race, processes) if makes_load else ()),
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


def _samples(config: Config, operations: Sequence[PlannedOperation]) -> Iterator[_Problem]:
    try:
        operation = decisive(operations, config.rules.operation)
    except ConfigError as error:
        yield _Problem(error.message, error.fix or "leave it out")
        return
    race, needed = config.race, SAMPLES_NEEDED[config.rules.metric]
    share = decisive_share(operations, operation)
    per_s = race.rate * share
    counted = race.expected(race.warmup) * share
    if race.closed_model or _risk(race, counted, needed, share) <= MOST_RISK:
        return
    expected, what = (
        _enough(race, needed, share),
        f"{operation} requests" if operation else "requests",
    )
    if race.profile:
        yield _Problem(
            f"race.profile = {race.profile} gives about {counted.min():.0f} {what} in its quietest "
            f"{race.counted_s:g} counted seconds; rules.metric = {config.rules.metric} needs "
            f"{needed} in every slice, so about {expected}",
            "give the profile higher rates, or a longer --slice",
        )
        return
    yield _Problem(
        f"race.rate = {race.rate:g} over {race.counted_s:g} counted seconds gives about "
        f"{per_s * race.counted_s:.0f} {what} a slice; rules.metric = {config.rules.metric} "
        f"needs {needed} in every one, so about {expected}",
        f"give --rate {math.ceil(expected / race.counted_s / share)}, or --slice "
        f"{math.ceil(expected / per_s + race.warmup)}",
    )


def lowest_rate(config: Config, operations: Sequence[PlannedOperation]) -> int:
    """Return the lowest rate at which every slice holds the answers that a verdict needs."""
    share = decisive_share(operations, config.rules.operation)
    # Nothing was asked for, so that no more than one run in a thousand need be in vain.
    expected = _enough(config.race, SAMPLES_NEEDED[config.rules.metric], share, LEAST_RISK)
    return math.ceil(expected / config.race.counted_s / share)


def decisive_share(operations: Sequence[PlannedOperation], wanted: str | None) -> float:
    """Return the share of the arrivals on which the rule decides. Raises ConfigError."""
    name = decisive(operations, wanted)
    if name is None:
        return 1.0
    weights = {operation.name: operation.weight for operation in operations}
    return weights[name] / sum(weights.values())


def _risk(
    race: RaceConfig, expected: NDArray[np.float64] | float, needed: int, share: float
) -> float:
    """Return how likely the smallest slice holds fewer than needed; `expected` of each pair."""
    of_pairs = np.broadcast_to(expected, race.pairs)
    if share == 1 and race.shape and race.shape.is_exact:
        return float(of_pairs.min() < needed)
    if race.arrivals == "constant" and share == 1:
        # The number is fixed but for the one at the edge. An operation's is up to chance.
        return float(of_pairs.min() < needed + 1)
    return float(1 - np.prod(1 - poisson_share(needed - 1, of_pairs)))


def _enough(race: RaceConfig, needed: int, share: float, most_risk: float = MOST_RISK) -> int:
    expected = needed
    while _risk(race, expected, needed, share) > most_risk:
        expected += 1
    return expected


def _processes(race: RaceConfig, processes: int) -> Iterator[_Problem]:
    if processes > race.connections:
        yield _Problem(
            f"--processes {processes} exceeds race.connections ({race.connections})",
            "raise race.connections: every process needs one connection",
        )


def _open_files(race: RaceConfig, processes: int) -> Iterator[_Problem]:
    needed, allowed = open_files.needed(race.connections, processes), open_files.allowed()
    if needed > allowed:
        yield _Problem(
            f"race.connections = {race.connections} needs {needed} open files in a process, and "
            f"this machine lets one open {allowed:g}",
            f"raise its limit: `ulimit -n {needed}`, or give fewer race.connections or more "
            "--processes",
        )


def _rate(race: RaceConfig, processes: int, ceiling_per_s: float | None) -> Iterator[_Problem]:
    highest = race.shape.highest_per_s if race.shape else race.rate
    if ceiling_per_s is None or highest <= ceiling_per_s * processes:
        return
    ceiling = math.floor(ceiling_per_s)
    said = f"{race.profile}, up to {highest:g} a second," if race.profile else f"{highest:g}"
    yield _Problem(
        f"race.{'profile' if race.profile else 'rate'} = {said} is beyond what this machine was "
        f"calibrated to send, {ceiling * processes} a second with {processes} "
        f"process{'es' * (processes > 1)}",
        f"give --rate {ceiling * processes} or less, or more --processes, or calibrate again"
        if not race.profile
        else "give the profile lower rates, or more --processes, or calibrate again",
    )


def _lasts(race: RaceConfig) -> Iterator[_Problem]:
    played_s = race.pairs * race.slice
    if race.shape is None or race.shape.lasts_s <= played_s:
        return
    pairs = math.ceil(race.shape.lasts_s / race.slice)
    yield _Problem(
        f"race.profile = {race.profile} lasts {race.shape.lasts_s:g} s, and {race.pairs} pairs of "
        f"{race.slice:g} s slices play {played_s:g} s of it",
        f"give --pairs {pairs}, a longer --slice, or a "
        + ("higher speed" if race.shape.is_exact else "shorter period"),
    )


def _once(config: Config, keys: int | None) -> Iterator[_Problem]:
    race = config.race
    if race.keys != "once":
        return
    if race.closed_model:
        yield _Problem(
            'race.keys = "once" needs a rate: the closed model makes as many requests as '
            "the targets answer",
            "give --rate",
        )
    elif keys is not None and keys < race.keys_once:
        lookup = config.scenario.name == "lookup" and config.dataset.keys_file is None
        where = " in dataset.contacts" if lookup else ""
        yield _Problem(
            f'race.keys = "once" needs {race.keys_once:,} keys for {race.pairs} pairs of '
            f"{race.slice:g} s slices at {race.rate:g}/s, and scenario {config.scenario.name} has "
            f"{keys:,}",
            f"give it {race.keys_once:,}{where}, or lower --rate, --slice or --pairs",
        )
