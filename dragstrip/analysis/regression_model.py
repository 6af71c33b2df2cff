"""The form in which a comparison over time is handed on; `dragstrip compare --json` prints it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import Annotated, Literal

from pydantic import Field

from dragstrip.config.config import Metric  # noqa: TC001
from dragstrip.strict_model import StrictModel

RegressionWord = Literal["regression", "no regression", "improvement", "inconclusive"]

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Change = Annotated[float, Field(ge=-1, le=1)]


class Side(StrictModel):
    """One run's target. Quantiles are of its counted requests, null where too many failed.

    Those of the operation that is compared; requests and failures are of all operations.
    `typical_ms` is the geometric mean of the slices' metric, of which `ratio` is the quotient.
    `dependent` says what spoke against independent slices, and `values` how many were left when
    neighbours had been merged for it.
    """

    run: str
    started: datetime
    requests: Count
    failed: dict[str, Count]
    error_rate: Share
    p50_ms: Milliseconds | None
    p95_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    typical_ms: Milliseconds | None
    slices: Count
    values: Count
    dependent: str | None


class UnlikeSetting(StrictModel):
    """A condition in which the runs are unlike, stated because they were compared all the same."""

    what: str
    older: str
    newer: str


class Regression(StrictModel):
    """newer/older of one target's metric with its 95 % interval; null where there is none.

    Of several operations, the metric is of `operation`.
    `error_difference` is newer - older, with its own 95 % interval. `between_runs` is the standard
    deviation of the log by which repeated runs differ, as calibration found it; null when unknown,
    and then the interval covers the two stretches of time and nothing beyond.
    """

    schema_version: Literal[1] = 1
    verdict: RegressionWord
    reason: str
    target: str
    metric: Metric
    operation: str | None = None
    tolerance: float
    error_tolerance: Share
    ratio: float | None
    low: float | None
    high: float | None
    minimum_detectable_effect: float | None
    slices_needed: Count | None
    error_difference: Change
    error_low: Change
    error_high: Change
    between_runs: float | None
    older: Side
    newer: Side
    unlike: list[UnlikeSetting]
    lab: bool
