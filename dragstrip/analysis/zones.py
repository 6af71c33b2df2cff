"""What the rule says of a ratio, from the fastest challenger to the slowest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dragstrip.config.config import RulesConfig


@dataclass(frozen=True, slots=True)
class Zone:
    """What the rule says of ratios from `low` to `high`; `style` names its colour."""

    label: str
    style: str
    low: float
    high: float


def zones(rules: RulesConfig) -> list[Zone]:
    """Return the zones in ascending order; those that have no width are left out."""
    adopt, (low, high) = rules.adopt_ratio, rules.equivalent
    made = (
        Zone("adopt", "good", 0.0, adopt),
        Zone("faster", "fair", adopt, low),
        Zone("no practical difference", "same", low, high),
        Zone("slower", "bad", high, math.inf),
    )
    return [zone for zone in made if zone.low < zone.high]
