"""The form of capacity.json. The JSON Schema in dragstrip/schemas is made from it.

Rates are requests per second, `_ms` milliseconds, `started` and `ended` UTC in ISO 8601.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from dragstrip.config.config import Metric  # noqa: TC001
from dragstrip.run.model import (
    Count,
    Figures,
    Generator,
    Machine,
    Probability,
    Rate,
    ScenarioFacts,
    Versions,
)
from dragstrip.strict_model import StrictModel

CapacityWord = Literal["more", "less", "inconclusive", "invalid"]
LimitedBy = Literal["objective", "errors", "target-limit", "generator", "not-reached"]
Phase = Literal["search", "recovery", "descent"]
SliceOutcome = Literal["kept", "broken", "open", "void"]

Positive = Annotated[float, Field(gt=0)]


class CapacitySlice(Figures):
    """A slice of one target at one rate, held against the objective.

    `over` counted requests failed or took longer than slo_ms; `effective_requests` of
    `effective_over` are both divided by their design effect, and `kept` is the probability that the
    true share is within the quantile's. Its outcome is `open` where the requests are too few to
    tell, and `void` where the generator was late or at a limit of its own. A `cut` slice was ended
    early, as its requests piled up; in one that `grew` they did so at a pace that leaves the
    objective within a minute, so that it is broken. Only slices of the phase `search` decide.
    """

    index: Count
    round: Count
    target: str
    rate_per_s: Positive
    phase: Phase
    started: datetime
    ended: datetime
    outcome: SliceOutcome
    kept: Probability
    over: Count
    effective_over: Annotated[float, Field(ge=0)]
    effective_requests: Annotated[float, Field(ge=0)]
    broken_by: LimitedBy | None
    cut: bool
    grew: bool = False
    generator: Generator


class CapacityTarget(StrictModel):
    """The highest rate that a target carries within the objective, with its 95 % interval.

    `capacity_per_s` is null where it broke at the lowest rate or never; an end of the interval is
    null where nothing bounds it. `limit_per_s` is the rate of right answers while the target turned
    requests away with status 429. After overload it kept the objective again from
    `recovers_at_per_s` down, on the way from above; null where that was not tried or not found.
    """

    kind: str
    url: str
    capacity_per_s: Rate | None
    low: Rate | None
    high: Rate | None
    limited_by: LimitedBy
    limit_per_s: Rate | None = None
    recovers_at_per_s: Rate | None = None
    requests: Count
    remarks: list[str] = Field(default=[])


class CapacityObjective(StrictModel):
    """What a slice must keep. Of several operations, the quantile is of `operation`."""

    metric: Metric
    slo_ms: Positive
    max_error_rate: Probability
    operation: str | None = None


class Capacity(StrictModel):
    """capacity.json: what both targets carry. `ratio` is challenger/baseline with its interval.

    An end of the interval is null where nothing bounds it, and all three where the verdict is
    `invalid`. The search went from `lowest_per_s` to `highest_per_s`, with `rounds` slices of each
    target once it had broken.
    """

    schema_version: Literal[1] = 1
    id: str
    started: AwareDatetime
    ended: AwareDatetime
    interrupted: bool
    verdict: CapacityWord
    reason: str
    ratio: float | None
    low: float | None
    high: float | None
    baseline: str
    challenger: str
    objective: CapacityObjective
    lowest_per_s: Positive
    highest_per_s: Positive
    rounds: Count
    slice_s: Positive
    warmup_s: Annotated[float, Field(ge=0)]
    targets: dict[str, CapacityTarget]
    slices: list[CapacitySlice]
    lab: bool
    seed: Count
    versions: Versions
    machine: Machine
    scenario: ScenarioFacts
    config: dict[str, Any]

    @property
    def compares(self) -> bool:
        """Whether it says anything of which target carries more."""
        return self.verdict != "invalid"
