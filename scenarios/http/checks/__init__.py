"""What a right answer is: built from the `expect` of an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import succeeds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.scenario import Check, Operation, Reply, Target
    from scenarios.http.rows import Rows
    from scenarios.http.settings import Expectation


def build(
    expectation: Expectation,
    data: Rows,  # noqa: ARG001
    targets: Sequence[Target],  # noqa: ARG001
    operation: Operation,  # noqa: ARG001
) -> Check:
    """Return what decides whether an answer is right. `data` holds the row of each key."""
    for name in expectation.model_dump(exclude_defaults=True, exclude={"status"}, by_alias=True):
        raise ConfigError(
            f"expect.{name}: this version does not check it",
            fix="leave it out, or check the status",
        )
    if not expectation.status:
        return succeeds
    statuses = frozenset(expectation.status)

    def has_status(key: int, reply: Reply) -> int:  # noqa: ARG001
        return int(Outcome.OK if reply.status in statuses else Outcome.HTTP_STATUS)

    return has_status
