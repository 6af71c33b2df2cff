"""One simulated race, looked at as `--stop-when-decided` looks at a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.analysis.looks import interval_of
from dragstrip.analysis.stopping import is_in_one_region
from dragstrip.config.config import RulesConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.simulated_runs import Array
    from dragstrip.config.config import RaceConfig

RULES = RulesConfig()


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Whether the interval of every look held the true ratio, were the race to go on to its end.

    `last_holds` says it of the interval with which it ended, after so many `pairs`, and `others`
    of those of the metrics that did not end it; `uncorrected`, of theirs as if nobody had looked.
    """

    every_holds: bool
    last_holds: bool
    pairs: int
    others: list[bool]
    uncorrected: list[bool]


def looked_at(
    logs: Array, race: RaceConfig, truth: float, others: Sequence[Array] = ()
) -> LookedAt:
    """Look at a race with these log ratios, shape (race.pairs,), and at its other metrics'."""
    held, last, end = True, False, 0
    for pairs in race.look_pairs:
        found, _ = interval_of(logs[:pairs], race)
        holds = found.low <= truth <= found.high
        held = held and holds
        if not end:
            last = holds
            if is_in_one_region(found.low, found.high, RULES):
                end = pairs
    end = end or race.pairs
    at_the_end = ([_holds(one[:end], how, truth) for one in others] for how in (race, None))
    return LookedAt(held, last, end, *at_the_end)


def _holds(logs: Array, race: RaceConfig | None, truth: float) -> bool:
    found, _ = interval_of(logs, race)
    return found.low <= truth <= found.high
