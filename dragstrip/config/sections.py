"""The sections of `dragstrip.toml`, each with what must hold within it."""

from __future__ import annotations

import math
import ssl
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID  # noqa: TC003

from pydantic import BeforeValidator, ConfigDict, Field, model_serializer, model_validator

from dragstrip import tls
from dragstrip.config.fields import (  # noqa: TC001
    Authorities,
    KeyDistribution,
    Locales,
    LocalFile,
    Seconds,
    Url,
)
from dragstrip.config.headers import Headers, sound
from dragstrip.config.profile_text import flat, text_of
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import SerializerFunctionWrapHandler

    from dragstrip.config.load_profile import LoadProfile

Metric = Literal["p50", "p95", "p99"]
READ_YOUR_WRITES = "read-your-writes"
_CONSISTENCY = rf"^({READ_YOUR_WRITES}|eventual: [0-9]{{1,6}}(\.[0-9]{{1,3}})? m?s)$"
OutageRule = Literal["invalid", "count"]

TRICKLE_PER_S = 2.0
MIN_PAIRS = 6
"""With fewer, there is no verdict."""


class TargetConfig(StrictModel):
    """One path to the answer.

    `url` is the base address; without it the environment's is used. `ca_file` holds the authorities
    to trust for https instead of the well-known ones; `cert_file` and `key_file` hold the
    certificate that this side presents, and its key. `headers` are sent with each of its
    requests, beside the scenario's own, and `auth` is the value of the header Authorization, as in
    "Bearer env:TOKEN"; `path` is where its requests differ in the scenario `endpoint`.
    """

    kind: str = "http"
    url: Url | None = None
    ca_file: Authorities | None = None
    cert_file: LocalFile | None = None
    key_file: LocalFile | None = None
    headers: Headers = Field(default_factory=dict)
    path: str | None = None
    auth: str | None = None

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        # Not of the field alone: the error for a field shows its value.
        if self.auth is not None:
            sound({"Authorization": self.auth})
            if any(name.lower() == "authorization" for name in self.headers):
                raise ValueError("auth and the header Authorization exclude each other")
        return self

    @property
    def own_headers(self) -> dict[str, str]:
        """The headers of this target alone, with its authorization."""
        return {**self.headers, **({"Authorization": self.auth} if self.auth else {})}

    @property
    def tls_files(self) -> tls.TlsFiles:
        """The files that say who is trusted and who this side is."""
        return tls.TlsFiles(self.ca_file, self.cert_file, self.key_file)

    @model_validator(mode="after")
    def _certificate_can_be_presented(self) -> Self:
        tls.present_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self.tls_files)
        return self


class ScenarioConfig(StrictModel):
    """Which scenario is raced; its other fields are the scenario's own `settings`."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str = "lookup"

    @property
    def settings(self) -> dict[str, object]:
        """Every field but the name."""
        return dict(self.model_extra or {})


class DatasetConfig(StrictModel):
    """Which contacts both backends hold.

    `keys_file` names phone numbers to ask for instead, in targets that must not be seeded;
    `workspace_id` is the workspace of those for which the file names none. `locales` are the
    languages and countries that Faker makes their names and phone numbers for; without them, the
    names that come with dragstrip are used.
    """

    # Convex keeps numbers as doubles: a larger seed would come back as another one.
    seed: int = Field(default=42, ge=0, lt=2**53)
    contacts: int = Field(default=1000, ge=1, le=100_000_000)
    keys_file: Path | None = None
    workspace_id: UUID | None = None
    locales: Locales = ()

    @model_validator(mode="after")
    def _seeded_or_own(self) -> Self:
        if self.keys_file is None and self.workspace_id is not None:
            raise ValueError("workspace_id needs a keys_file")
        seeded = [name for name in ("seed", "contacts", "locales") if name in self.model_fields_set]
        if self.keys_file is not None and seeded:
            raise ValueError(
                f"{seeded[0]} is of seeded data; leave it out where keys_file names numbers of "
                "your own"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_means_nothing(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A plan or a run that is stored must be accepted when it is read back.
        document: dict[str, Any] = handler(self)
        idle = {"seed", "contacts"} if self.keys_file else set()
        if not self.locales:
            idle.add("locales")
        return {name: value for name, value in document.items() if name not in idle}


class RaceConfig(StrictModel):
    """What a race does. `rate` is arrivals per second for each target; durations are seconds.

    A rate of 0 is the closed model: each of `connections` sends its next request when its last
    is answered. With a `profile` the rate varies, and `rate` is its mean; `replayed` are the
    times of the log that it names, for processes that cannot read that. The timeouts for
    connecting and for the first byte are `timeout` where they are not set. `ledger` says what
    becomes of rows once they are counted. With `request_events`, Locust's `request` event is
    fired for each request, for the sake of other plugins; with `otel`, for the sake of its
    OpenTelemetry. With the `protocol` h2, a process sends all requests to a target over one
    connection, as many at once as it has of the `connections`. With a `metrics_port`, metrics
    for Prometheus are served there while the race runs. With `stop_when_decided` it ends early
    where one of the `looks` finds it decided: 3 to 5 of them over the planned pairs, or "any",
    after every second pair.
    """

    baseline: str = "supabase"
    challenger: str = "convex"
    rate: float = Field(default=50, ge=0, le=1_000_000)
    arrivals: Literal["poisson", "constant"] = "poisson"
    profile: Annotated[str, BeforeValidator(text_of)] | None = None
    replayed: str | None = None
    keys: KeyDistribution = "uniform"
    miss: float = Field(default=0.05, ge=0, le=1)
    pairs: int = Field(default=20, ge=1, le=10_000)
    stop_when_decided: bool = False
    looks: Annotated[int, Field(ge=3, le=5)] | Literal["any"] = 5
    slice: Seconds = 30
    warmup: float = Field(default=5, ge=0, le=86_400)
    connections: int = Field(default=32, ge=1, le=100_000)
    timeout: Seconds = 10
    connect_timeout: Seconds | None = None
    first_byte_timeout: Seconds | None = None
    ledger: Literal["keep", "compress", "drop"] = "keep"
    protocol: Literal["http/1.1", "h2"] = "http/1.1"
    request_events: bool = False
    otel: bool = False
    metrics_port: int | None = Field(default=None, ge=1, le=65_535)
    metrics_host: str = Field(default="127.0.0.1", min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _flat_profile_is_a_rate(cls, document: Any) -> Any:
        if not isinstance(document, dict) or not document.get("profile"):
            return document
        try:
            one_rate = flat(text_of(document["profile"]))
        except ValueError:
            # Said with the field's name.
            return document
        return document if one_rate is None else {**document, **one_rate, "profile": None}

    @model_validator(mode="after")
    def _profile_has_a_mean(self) -> Self:
        if self.profile:
            # With numpy, which every command would wait for otherwise.
            from dragstrip.config.load_profile import profile_of, times_to_replay

            try:
                replayed = self.replayed or times_to_replay(self.profile)
                profile = profile_of(self.profile, self.slice, replayed)
            except ValueError as error:
                raise ValueError(f"profile: {error}") from None
            # Frozen for everybody else.
            self.__dict__.update(replayed=replayed, rate=profile.mean_per_s)
            self.model_fields_set.add("rate")
        return self

    @model_validator(mode="after")
    def _warmup_fits_slice(self) -> Self:
        if self.warmup >= self.slice:
            raise ValueError(
                f"warmup must be shorter than slice: warmup is {self.warmup:g} s, slice is "
                f"{self.slice:g} s"
            )
        return self

    @model_validator(mode="after")
    def _timeouts_fit(self) -> Self:
        for name in ("connect_timeout", "first_byte_timeout"):
            limit = getattr(self, name)
            if limit is not None and limit > self.timeout:
                raise ValueError(f"{name} ({limit:g}) must not exceed timeout ({self.timeout:g})")
        return self

    @model_validator(mode="after")
    def _has_a_look_before_its_end(self) -> Self:
        if self.stop_when_decided and len(self.look_pairs) < 2:
            raise ValueError(
                f"stop_when_decided needs {MIN_PAIRS + 2} pairs or more, as a verdict needs "
                f"{MIN_PAIRS}; pairs is {self.pairs}"
            )
        if self.stop_when_decided and self.shape and self.slice % self.shape.period_s:
            raise ValueError(
                "stop_when_decided needs slices that are all alike; the profile "
                f"{self.profile} goes on from one to the next"
            )
        return self

    @property
    def look_pairs(self) -> tuple[int, ...]:
        """After how many pairs the race may be decided; the last are all of them.

        Even numbers before that, so that both targets came first as often.
        """
        early = (
            {2 * round(self.pairs * look / self.looks / 2) for look in range(1, self.looks)}
            if self.looks != "any"
            else set(range(MIN_PAIRS, self.pairs, 2))
        )
        return (*sorted(one for one in early if MIN_PAIRS <= one < self.pairs), self.pairs)

    @property
    def closed_model(self) -> bool:
        """Whether requests wait for answers instead of being due at times of their own."""
        return self.rate == 0

    @property
    def shape(self) -> LoadProfile | None:
        """The rate that varies; None of one that does not. It goes on from pair to pair."""
        if not self.profile:
            return None
        from dragstrip.config.load_profile import profile_of

        return profile_of(self.profile, self.slice, self.replayed, self.rate)

    def expected(self, from_s: float = 0.0) -> NDArray[np.float64]:
        """Return how many arrivals each pair's slices have from `from_s` on, shape (pairs,)."""
        import numpy as np

        if self.shape is None:
            return np.full(self.pairs, self.rate * (self.slice - from_s))
        starts = np.arange(self.pairs + 1, dtype=np.float64) * self.slice
        by = self.shape.requests_by
        return np.asarray(by(starts[1:]) - by(starts[:-1] + from_s), np.float64)

    @property
    def most_per_slice(self) -> int:
        """More arrivals than chance gives a slice, but for one in 10^12."""
        expected = float(self.expected().max())
        return math.ceil(expected + 8 * math.sqrt(expected)) + 16

    @property
    def trickle_per_s(self) -> float:
        """How many requests a second keep the idle target awake."""
        return min(TRICKLE_PER_S, self.rate or TRICKLE_PER_S)

    @property
    def trickle_per_slice(self) -> int:
        """How many of them a slice has."""
        return math.ceil(self.trickle_per_s * self.slice)

    @property
    def keys_once(self) -> int:
        """How many keys a race needs that asks each target for none of them twice."""
        return self.pairs * (self.most_per_slice + 2 * self.trickle_per_slice)

    @property
    def numbers(self) -> int:
        """How many numbers a race has, for its slices and for the trickle beside each pair."""
        return 2 * self.pairs * self.most_per_slice

    @property
    def counted_s(self) -> float:
        """How many seconds of each slice count."""
        return self.slice - self.warmup


class RulesConfig(StrictModel):
    """The decision, written down before the run.

    `operation` is the one whose requests decide, where a scenario has several; by default the one
    with the greatest weight, the first of equals. `consistency` says what a read owes to writes
    that were acknowledged before it was sent: "read-your-writes", or "eventual: 2 s". `outages`
    says what it means that a target was unreachable for a second or more: the run proves nothing
    ("invalid"), or its failures count like any other, and the target that fails too often loses
    ("count").
    """

    metric: Metric = "p95"
    operation: str | None = Field(default=None, min_length=1)
    slo_ms: float = Field(default=500, gt=0)
    adopt_ratio: float = Field(default=0.667, gt=0, le=1)
    equivalent: tuple[float, float] = (0.8, 1.25)
    max_error_rate: float = Field(default=0.001, ge=0, le=1)
    outages: OutageRule = "invalid"
    consistency: str = Field(default=READ_YOUR_WRITES, pattern=_CONSISTENCY)

    @property
    def stale_ns(self) -> int:
        """For how long a read may miss an acknowledged write."""
        if self.consistency == READ_YOUR_WRITES:
            return 0
        number, unit = self.consistency.partition(":")[2].split()
        return round(float(number) * (1e9 if unit == "s" else 1e6))

    @model_validator(mode="after")
    def _band_holds_one(self) -> Self:
        low, high = self.equivalent
        if not 0 < low < 1 < high:
            raise ValueError("equivalent must be [low, high] with 0 < low < 1 < high")
        if self.adopt_ratio > low:
            raise ValueError("adopt_ratio must not lie inside the equivalent band")
        return self
