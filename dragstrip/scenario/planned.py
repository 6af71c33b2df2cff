"""A scenario's operations as a plan stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.run.plan import PlannedOperation

if TYPE_CHECKING:
    from dragstrip.scenario.scenario import Scenario


def planned(scenario: Scenario) -> tuple[PlannedOperation, ...]:
    """Return each operation's name, weight and method. Raises ValidationError for a bad weight."""
    return tuple(
        PlannedOperation(
            name=one.name,
            weight=one.weight,
            method=one.method,
            follows=one.follows,
            writes=one.writes,
        )
        for one in scenario.operations
    )
