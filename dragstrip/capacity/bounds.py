"""From where to where a search looks; what is absurd is refused before anything is sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dragstrip.analysis.capacity import Bounds
from dragstrip.errors import UsageError
from dragstrip.race.prechecks import lowest_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Config
    from dragstrip.run.plan import PlannedOperation

UNCALIBRATED_PER_S = 5_000.0
"""The highest rate where nothing says what this machine can send: most machines send more."""
_MOST_CONNECTIONS = 256


def bounds_of(
    config: Config,
    operations: Sequence[PlannedOperation],
    *,
    lowest_per_s: float | None,
    highest_per_s: float | None,
    ceiling_per_s: float | None,
) -> Bounds:
    """Return the bounds of a search; `ceiling_per_s` is what this machine can send, if known.

    Raises UsageError.
    """
    race = config.race
    fills_a_slice = float(lowest_rate(config, operations))
    ceiling = ceiling_per_s or UNCALIBRATED_PER_S
    lowest, highest = lowest_per_s or fills_a_slice, highest_per_s or ceiling
    if ceiling_per_s and highest > ceiling_per_s:
        raise UsageError(
            f"--to {highest:g} is beyond what this machine was calibrated to send, "
            f"{ceiling_per_s:g} requests/s",
            fix=f"give --to {math.floor(ceiling_per_s)} or less",
        )
    if highest < fills_a_slice:
        raise UsageError(
            f"--to {highest:g} gives too few requests in {race.counted_s:g} counted seconds to "
            f"tell {config.rules.metric}",
            fix=f"give --to {fills_a_slice:g} or more, or a longer --slice",
        )
    if highest < 2 * lowest:
        raise UsageError(
            f"--from {lowest:g} and --to {highest:g} leave no room for a search",
            fix=f"give --from {highest / 2:g} or less, or a higher --to"
            + ("" if lowest_per_s else f"; a longer --slice allows a --from below {lowest:g}"),
        )
    return Bounds(
        lowest,
        highest,
        race.pairs,
        is_generators=highest == ceiling_per_s,
    )


def connections_of(config: Config, bounds: Bounds) -> int:
    """Return the connections that a target within the objective can keep busy, unless it is set.

    By Little's law that is rate times response time; more than _MOST_CONNECTIONS must be asked for.
    """
    race = config.race
    if "connections" in race.model_fields_set:
        return race.connections
    busy = math.ceil(bounds.highest_per_s * config.rules.slo_ms / 1000)
    return max(race.connections, min(busy, _MOST_CONNECTIONS))
