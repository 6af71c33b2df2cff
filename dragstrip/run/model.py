"""The forms of run.json and verdict.json. The JSON Schemas in dragstrip/schemas are made from them.

Rates are per second, `_ms` milliseconds, `started` and `ended` UTC in ISO 8601. A quantile is null
where so many lookups failed that it does not exist: failures rank as slower than any answer.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import Annotated, Any, Literal

from pydantic import Field

from dragstrip.config.config import Kind, Metric  # noqa: TC001
from dragstrip.strict_model import StrictModel

Word = Literal["adopt", "better", "equivalent", "worse", "inconclusive", "invalid"]
DataAfter = Literal["same", "changed", "unchecked"]

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Figures(StrictModel):
    """What a set of lookups came to. Response time counts from when a lookup was due."""

    due: Count
    verified: Count
    failed: dict[str, Count]
    offered_per_s: Rate
    achieved_per_s: Rate
    p50_ms: Milliseconds | None
    p95_ms: Milliseconds | None
    p99_ms: Milliseconds | None

    def quantile_ms(self, metric: Metric) -> float | None:
        """Return p50_ms, p95_ms or p99_ms."""
        return {"p50": self.p50_ms, "p95": self.p95_ms, "p99": self.p99_ms}[metric]


class Generator(StrictModel):
    """How the load's processes fared in one slice: the busiest and the latest of them.

    `cpu` is the share of a core that was used. `no_slot` lookups found every connection busy when
    they were due; the others were sent `send_lag_p99_ms` late or less, 99 times of 100.
    """

    cpu: Rate | None
    loop_lag_p99_ms: Milliseconds | None
    send_lag_p99_ms: Milliseconds | None
    no_slot: Count


class Slice(Figures):
    """The counted lookups of one turn of one target."""

    index: Count
    pair: Count
    position: Count
    target: str
    started: datetime
    ended: datetime
    generator: Generator | None = None


class Quantile(StrictModel):
    """So large a share of all lookups was answered within `ms`; null where they failed.

    `low_ms` to `high_ms` is the 95 % interval; an end is null where the lookups are too few to
    bound it. It is free of any assumption about the distribution (Hahn and Meeker).
    """

    share: Probability
    ms: Milliseconds | None
    low_ms: Milliseconds | None
    high_ms: Milliseconds | None


class Split(StrictModel):
    """Where the mean response time of the verified lookups went; the parts add up to it.

    `wait_ms` is the time until the lookup was sent, `data_ms` what the server reports of its
    queries, `handler_ms` the rest of what it reports, `network_ms` all else. What not every answer
    reports, or what exceeds the time it is a part of, is null and in the part before it.
    """

    wait_ms: Milliseconds
    network_ms: Milliseconds
    handler_ms: Milliseconds | None
    data_ms: Milliseconds | None


class TargetTotals(Figures):
    """The counted lookups of one target over all complete pairs.

    Service time counts from the actual send, as the first byte does; `query` and `total` are what
    the server reports. `low` and `high` are the exact extremes of the response time. The lookups
    `opened` so many connections and took so many `bytes` of bodies; at `no_slot` of them, every
    connection was busy when they were due.
    """

    kind: Kind
    url: str
    error_rate: Rate
    low_ms: Milliseconds | None = None
    high_ms: Milliseconds | None = None
    service_p50_ms: Milliseconds | None
    first_byte_p50_ms: Milliseconds | None = None
    query_p50_ms: Milliseconds | None
    total_p50_ms: Milliseconds | None
    send_lag_p99_ms: float | None
    no_slot: Count
    opened: Count = 0
    bytes: Count = 0
    split: Split | None = None
    distribution: list[Quantile] = Field(default=[])


class Gate(StrictModel):
    """A condition of validity, with the figure that decided it and the bound it must keep."""

    name: str
    passed: bool
    figure: float
    bound: float


class DatasetFacts(StrictModel):
    """Which data was asked for. `digest` is what both backends store, and so what is right.

    Both say so, and of their `ranges` of 128 contacts, `compared` were read and do; of runs without
    these numbers, all.
    """

    kind: Literal["seeded"] = "seeded"
    seed: Count
    contacts: Count
    digest: str
    generator: str
    compared: Count | None = None
    ranges: Count | None = None


class KeysFacts(StrictModel):
    """Which numbers of one's own were asked for: so many `keys`, of which the targets know `found`.

    `sha256` is the keys file's. The targets were compared with each other: a verified lookup is one
    that was answered as both of them answered before the race. What is right, nobody knows.
    """

    kind: Literal["keys-file"] = "keys-file"
    keys: Annotated[int, Field(ge=1)]
    found: Count
    sha256: str


class Versions(StrictModel):
    """What ran."""

    dragstrip: str
    locust: str
    python: str


class Machine(StrictModel):
    """Where the load came from."""

    system: str
    architecture: str
    processor: str
    cpus: Count
    memory_bytes: Count


class Calibrated(StrictModel):
    """What a calibration of this machine says about a race; docs/calibrate.md says how.

    One process was found to send `ceiling_per_s` on time; null where the calibration is of another
    machine or version. `noise_floor` is the relative change up to which equal targets part; empty
    where it was not found with a target of this race. `remarks` say it in words.
    """

    made: datetime
    ceiling_per_s: Rate | None
    noise_floor: dict[Metric, Annotated[float, Field(ge=0)]]
    remarks: list[str]


class Run(StrictModel):
    """run.json: everything about a race that its ledger does not say.

    Since version 2, `dataset` has a `kind`; without one the data was seeded.
    `data_after` says whether the backends still held the same data when the race was over, and
    `data_difference` what differed first, or why nobody could tell. `calibration` is null where
    there was none when the race began.
    """

    schema_version: Literal[1, 2] = 2
    id: str
    started: datetime
    ended: datetime
    interrupted: bool
    lab: bool
    closed_model: bool = False
    seed: Count
    baseline: str
    challenger: str
    processes: Annotated[int, Field(ge=1)]
    versions: Versions
    machine: Machine
    config: dict[str, Any]
    dataset: DatasetFacts | KeysFacts
    data_after: DataAfter = "unchecked"
    data_difference: str | None = None
    calibration: Calibrated | None = None
    targets: dict[str, TargetTotals]
    slices: list[Slice]
    gates: list[Gate]


class VerdictTarget(StrictModel):
    """A target's figures in verdict.json.

    The error rate has its Clopper-Pearson interval. `low_ms` to `high_ms` is the interval of the
    metric in the typical slice, and `slo` whether all of it keeps slo_ms, misses it, or neither.
    """

    verified: Count
    failed: dict[str, Count]
    p50_ms: Milliseconds | None
    p95_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    error_rate: Rate | None = None
    error_rate_low: Rate | None = None
    error_rate_high: Rate | None = None
    low_ms: Milliseconds | None = None
    high_ms: Milliseconds | None = None
    slo: Literal["met", "missed", "open"] | None = None


class Dependence(StrictModel):
    """Whether pairs were independent of their neighbours, by tests of serial correlation and trend.

    `merged` is by how many values merging made the pairs fewer, `reason` what spoke against
    independence, and `resolved` whether nothing does any more. The p-values are of the pairs.
    """

    merged: Count
    reason: str | None
    resolved: bool
    serial_p: Probability
    trend_p: Probability


class CrossCheck(StrictModel):
    """The pair bootstrap's interval of the ratio, and whether it agrees with the t-interval."""

    method: Literal["bootstrap-t"] = "bootstrap-t"
    low: float
    high: float
    agrees: bool
    resamples: Count
    seed: Count


class Comparison(StrictModel):
    """A metric that the rule does not look at.

    `effect` is challenger/baseline, for the error rate challenger - baseline, with its own 95 %
    interval. `p_adjusted` is Holm's over all such metrics. `pairs` counts merged ones as one.
    """

    kind: Literal["ratio", "difference"]
    effect: float
    low: float
    high: float
    p: Probability
    p_adjusted: Probability
    pairs: Count


class Verdict(StrictModel):
    """verdict.json. `ratio` is challenger/baseline with its 95 % interval; null when invalid.

    Of `data` that was seeded, every verified answer is right; of a keys file, both targets' alike.
    """

    schema_version: Literal[1] = 1
    verdict: Word
    reason: str
    metric: Metric
    baseline: str
    challenger: str
    ratio: float | None
    low: float | None
    high: float | None
    pairs: Count
    pairs_needed: Count | None
    minimum_detectable_effect: float | None
    targets: dict[str, VerdictTarget]
    gates: list[Gate]
    lab: bool
    closed_model: bool = False
    data: Literal["seeded", "keys-file"] = "seeded"
    dependence: Dependence | None = None
    cross_check: CrossCheck | None = None
    secondary: dict[str, Comparison] = Field(default={})
