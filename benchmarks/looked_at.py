"""One simulated race, looked at as `--stop-when-decided` looks at a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.analysis.looks import interval_of
from dragstrip.analysis.stopping import is_in_one_region
from dragstrip.config.config import RulesConfig

if TYPE_CHECKING:
    from benchmarks.simulated_runs import Array
    from dragstrip.config.config import RaceConfig

RULES = RulesConfig()


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Whether the interval of every look held the true ratio, were the race to go on to its end.

    `last_holds` says it of the interval with which it ended, after so many `pairs`.
    """

    every_holds: bool
    last_holds: bool
    pairs: int


def looked_at(logs: Array, race: RaceConfig, truth: float) -> LookedAt:
    """Look at a race with these log ratios, shape (race.pairs,)."""
    held, last, end = True, False, 0
    for pairs in race.look_pairs:
        found, _ = interval_of(logs[:pairs], race)
        holds = found.low <= truth <= found.high
        held = held and holds
        if not end:
            last = holds
            if is_in_one_region(found.low, found.high, RULES):
                end = pairs
    return LookedAt(held, last, end or race.pairs)
