"""The forms of run.json and verdict.json. The JSON Schemas in dragstrip/schemas are made from them.

Rates are per second, `_ms` milliseconds, `started` and `ended` UTC in ISO 8601. A quantile is null
where so many requests failed that it does not exist: failures rank as slower than any answer.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from dragstrip.config.config import Metric  # noqa: TC001
from dragstrip.run.plan import Answers  # noqa: TC001
from dragstrip.run.upgrade import upgraded
from dragstrip.strict_model import StrictModel

Word = Literal["adopt", "better", "equivalent", "worse", "inconclusive", "invalid", "unsafe"]
DataAfter = Literal["same", "changed", "unchecked"]

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]
Rate = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Figures(StrictModel):
    """What a set of requests came to. Response time counts from when a request was due.

    `reconnected` of them had to replace an earlier connection.
    """

    requests: Count
    verified: Count
    failed: dict[str, Count]
    reconnected: Count = 0
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

    `cpu` is the share of a core that was used. `no_connection` requests found every connection busy
    when they were due; the others were sent `send_delay_p99_ms` late or less, 99 times of 100.
    """

    cpu: Rate | None
    loop_lag_p99_ms: Milliseconds | None
    send_delay_p99_ms: Milliseconds | None
    no_connection: Count


class Slice(Figures):
    """The counted requests of one slice of one target.

    `operations` has the figures of each operation by name, where there are several.
    """

    index: Count
    pair: Count
    position: Count
    target: str
    started: datetime
    ended: datetime
    generator: Generator | None = None
    operations: dict[str, Figures] = Field(default={})


class Quantile(StrictModel):
    """So large a share of all requests was answered within `ms`; null where they failed.

    `low_ms` to `high_ms` is the 95 % interval; an end is null where the requests are too few to
    bound it. It is free of any assumption about the distribution (Hahn and Meeker).
    """

    share: Probability
    ms: Milliseconds | None
    low_ms: Milliseconds | None
    high_ms: Milliseconds | None


class Split(StrictModel):
    """Where the mean response time of the verified requests went; the parts add up to it.

    `wait_ms` is the time until the request was sent, `data_ms` what the server reports of its
    queries, `handler_ms` the rest of what it reports, `network_ms` all else. What not every answer
    reports, or what exceeds the time it is a part of, is null and in the part before it.
    """

    wait_ms: Milliseconds
    network_ms: Milliseconds
    handler_ms: Milliseconds | None
    data_ms: Milliseconds | None


class AskedRequests(StrictModel):
    """The counted requests that were the first for their key, or those that were not."""

    requests: Count
    verified: Count
    p50_ms: Milliseconds | None
    p95_ms: Milliseconds | None
    p99_ms: Milliseconds | None


class OperationTotals(Figures):
    """The counted requests of one operation of one target over all complete pairs.

    Service time counts from the actual send, as the first byte does; `query` and `total` are what
    the server reports. `low` and `high` are the exact extremes of the response time. The requests
    `opened` so many connections and took so many `bytes` of bodies; at `no_connection` of them,
    every connection was busy when they were due. `first` are those of keys that the target was not
    asked for before, since the last write to them, and `repeated` the others; null in runs of
    earlier versions and of operations that write.
    """

    error_rate: Rate
    low_ms: Milliseconds | None = None
    high_ms: Milliseconds | None = None
    service_p50_ms: Milliseconds | None
    first_byte_p50_ms: Milliseconds | None = None
    query_p50_ms: Milliseconds | None
    total_p50_ms: Milliseconds | None
    send_delay_p99_ms: float | None
    no_connection: Count
    opened: Count = 0
    bytes: Count = 0
    split: Split | None = None
    first: AskedRequests | None = None
    repeated: AskedRequests | None = None
    distribution: list[Quantile] = Field(default=[])


class TargetTotals(OperationTotals):
    """The same of all requests of one target.

    `operations` has the figures of each operation by name, where there are several.
    """

    kind: str
    url: str
    operations: dict[str, OperationTotals] = Field(default={})


class OperationFacts(StrictModel):
    """An operation that was asked for. Of all arrivals its share is its weight over their sum."""

    name: str
    weight: Annotated[float, Field(gt=0)] = 1.0
    method: str = "GET"


class Gate(StrictModel):
    """A condition of validity, with the figure that decided it and the bound it must keep.

    `details` says what the figure counts, where the gate names it.
    """

    name: str
    passed: bool
    figure: float
    bound: float
    details: str | None = None


class LoadStretch(StrictModel):
    """A stretch of a race's load profile, in seconds of the profile.

    `planned_per_s` is its rate there, `sent_per_s` what each target was sent, by name.
    """

    from_s: Annotated[float, Field(ge=0)]
    to_s: Annotated[float, Field(ge=0)]
    planned_per_s: Rate
    sent_per_s: dict[str, Rate]


class Outage(StrictModel):
    """A target gave nobody an answer, or one worker none, in seconds since the first slice began.

    `worker` is its number where others were answered meanwhile.
    """

    target: str
    worker: Count | None = None
    from_s: Annotated[float, Field(ge=0)]
    to_s: Annotated[float, Field(ge=0)]


class Facts(StrictModel):
    """What a scenario established before the race, in its own words.

    `data` says in a few words what was asked about, and `proof` how it is known that the targets
    were fit to be compared. `values` are the same as figures and names; those listed in `alike`
    must be equal in runs that are compared over time, and `alike_fix` says how. `answers` says what
    a verified answer is: `right` by known data, `alike` to the other target's, or `checked` by the
    scenario's own rule. `digest` is what the data is known by. `unchanged` is the sentence for
    targets that were the same after the race.
    """

    data: str
    answers: Answers = "checked"
    proof: str = ""
    digest: str | None = None
    digest_of: str = "digest of the data"
    values: dict[str, str | int | float | None] = Field(default={})
    alike: list[str] = Field(default=[])
    alike_fix: str = "race over the same data both times"
    unchanged: str = "After the race they were checked again and were the same."
    commands: list[str] = Field(default=[])
    """What to run before the race to prove the same again, as arguments of `dragstrip`."""


class ScenarioFacts(StrictModel):
    """Which scenario was raced, and what it established before the race."""

    name: str
    keys: Annotated[int, Field(ge=1)]
    facts: Facts


class Versions(StrictModel):
    """What ran."""

    dragstrip: str
    locust: str
    python: str


class Machine(StrictModel):
    """Where the load came from.

    `cpu_quota` is how many cores' worth of time a container may use; null where nothing limits it.
    """

    system: str
    architecture: str
    processor: str
    cpus: Count
    memory_bytes: Count
    cpu_quota: Rate | None = None


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


class StaleRead(StrictModel):
    """A read that missed a message acknowledged `age_ms` before it was sent.

    `at_s` is when it was sent, in seconds since the Unix epoch.
    """

    at_s: float
    age_ms: Milliseconds


class Writes(StrictModel):
    """The accounts of one target's writes, after Jepsen's.

    `attempted` writes were sent, `acknowledged` of them answered as received, `stored` of them are
    there. `lost` were acknowledged and are not there, `duplicated` are there more than once,
    `unexpected` are there and were never sent, `recovered` are there and were never acknowledged.
    `redelivered` and `retried` requests sent one of them again. Of `reads`, `stale` missed a write
    that was acknowledged before they were sent, and `hidden` missed one for longer than
    `rules.consistency` allows. `stable_ms` is the longest time from an acknowledgement to the last
    read that missed the write; null without reads. `stale_reads` are the worst of them. `examples`
    name the first that were lost, duplicated or unexpected.
    """

    attempted: Count
    acknowledged: Count
    stored: Count
    lost: Count
    duplicated: Count
    unexpected: Count
    recovered: Count
    redelivered: Count = 0
    retried: Count = 0
    reads: Count = 0
    stale: Count = 0
    hidden: Count = 0
    stable_ms: Milliseconds | None = None
    stale_reads: list[StaleRead] = Field(default=[])
    examples: dict[str, list[str]] = Field(default={})

    @property
    def is_safe(self) -> bool:
        """Whether nothing that was acknowledged was lost, doubled or hidden."""
        return not (self.lost or self.duplicated or self.hidden)


class FaultRecord(StrictModel):
    """What was done to a service of the lab on purpose, in seconds since the first slice began.

    `began_s` is null where the race was over before, `ended_s` where the service did not come back:
    `problem` says why.
    """

    kind: Literal["kill", "stop", "cut"]
    service: str
    planned_s: Annotated[float, Field(ge=0)]
    began_s: Annotated[float, Field(ge=0)] | None = None
    ended_s: Annotated[float, Field(ge=0)] | None = None
    problem: str | None = None


class MadeLook(StrictModel):
    """A look at a race that may end early: after how many pairs, and whether it ended the race."""

    pairs: Count
    ends: bool


class Look(StrictModel):
    """What a look saw: the ratio of the pairs until then, with the interval of this look.

    `confidence` is that of its t-interval; the intervals of all looks together hold with 95 %.
    """

    pairs: Count
    confidence: Probability
    ratio: float
    low: float
    high: float


class Run(StrictModel):
    """run.json: everything about a race that its ledger does not say.

    Since version 3 there is a `scenario`; in earlier versions it was always the lookup.
    `data_after` says whether the backends still held the same data when the race was over, and
    `data_difference` what differed first, or why that is unknown. `calibration` is null where
    there was none when the race began. `load` says how a profile that varies the rate was kept to;
    it is empty without one. `writes` are each target's accounts, of a scenario that writes. Without
    `operations` there was one, the lookup. `looks` are those at a race that may end early, before
    its last pair.
    """

    schema_version: Literal[3] = 3
    id: str
    started: AwareDatetime
    ended: AwareDatetime
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
    scenario: ScenarioFacts
    operations: list[OperationFacts] = Field(default=[OperationFacts(name="lookup")])
    data_after: DataAfter = "unchecked"
    data_difference: str | None = None
    remarks: list[str] = Field(default=[])
    faults: list[FaultRecord] = Field(default=[])
    writes: dict[str, Writes] = Field(default={})
    looks: list[MadeLook] = Field(default=[])
    calibration: Calibrated | None = None
    targets: dict[str, TargetTotals]
    slices: list[Slice]
    outages: list[Outage] = Field(default=[])
    load: list[LoadStretch] = Field(default=[])
    gates: list[Gate]

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_version(cls, document: Any) -> Any:
        return upgraded(document) if isinstance(document, dict) else document


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

    It is null as well when a target is `unsafe`: it lost, doubled or hid an acknowledged write.

    `answers` says what a verified answer is, as in the facts of run.json.
    `operation` is the one that the rule looked at, of several; the figures of `targets` are its
    figures then, and the names of `secondary` begin with an operation's. `looks` are those of a
    race that may end early; the last one is the verdict's own.
    """

    schema_version: Literal[2] = 2
    verdict: Word
    reason: str
    metric: Metric
    operation: str | None = None
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
    answers: Answers = "right"
    dependence: Dependence | None = None
    cross_check: CrossCheck | None = None
    secondary: dict[str, Comparison] = Field(default={})
    writes: dict[str, Writes] = Field(default={})
    looks: list[Look] = Field(default=[])

    @property
    def compares(self) -> bool:
        """Whether it says anything of which target is faster."""
        return self.verdict not in {"invalid", "unsafe"}
