"""The form of soak.json. The JSON Schema in dragstrip/schemas is made from it.

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

SoakWord = Literal["steady", "degrades", "inconclusive", "invalid"]
SoakFigure = Literal["p50", "p95", "p99", "errors", "connections"]

Positive = Annotated[float, Field(gt=0)]


class SoakWindow(Figures):
    """The counted requests of one window of one target.

    They `opened` so many connections. `void` says why the window proves nothing; null of others.
    """

    index: Count
    target: str
    started: datetime
    ended: datetime
    opened: Count
    void: str | None
    generator: Generator


class SoakTrend(StrictModel):
    """By how much a figure rises in an hour, with its 95 % interval.

    Of a quantile as a share of its median over the windows, of `errors` and of `connections` opened
    as a share of the requests. `tau` is Kendall's correlation with time. `p_adjusted` is Holm's
    over all figures of all targets. An end of the interval is null where nothing bounds it.
    """

    per_hour: float
    low: float | None
    high: float | None
    tau: Annotated[float, Field(ge=-1, le=1)]
    p: Probability
    p_adjusted: Probability


class SoakTarget(StrictModel):
    """What a target came to. `degrades` by the figures in `rising`, the decisive one first."""

    kind: str
    url: str
    verdict: SoakWord
    rising: list[SoakFigure] = Field(default=[])
    windows: Count
    requests: Count
    verified: Count
    trends: dict[SoakFigure, SoakTrend] = Field(default={})


class Soak(StrictModel):
    """soak.json: whether targets stay as they are for hours at one rate.

    The verdict is the worst of the targets'. A target is `steady` where nothing rises and `metric`
    rises by at most `most_rise` of its median over all the time, at the upper end of its interval.
    """

    schema_version: Literal[1] = 1
    id: str
    started: AwareDatetime
    ended: AwareDatetime
    interrupted: bool
    verdict: SoakWord
    reason: str
    baseline: str
    challenger: str
    metric: Metric
    most_rise: Positive
    rate_per_s: Rate
    window_s: Positive
    warmup_s: Annotated[float, Field(ge=0)]
    targets: dict[str, SoakTarget]
    windows: list[SoakWindow]
    lab: bool
    seed: Count
    versions: Versions
    machine: Machine
    scenario: ScenarioFacts
    config: dict[str, Any]

    @property
    def compares(self) -> bool:
        """Whether it says anything of how targets change."""
        return self.verdict != "invalid"
