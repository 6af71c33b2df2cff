"""The plan of a race: what every Locust process reads before it starts. It holds no secret."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from dragstrip.config.config import (
    Config,
    DatasetConfig,
    RaceConfig,
    RulesConfig,
    ScenarioConfig,
    TargetConfig,
)
from dragstrip.config.fields import Url  # noqa: TC001
from dragstrip.config.header_values import absolute
from dragstrip.config.headers import Headers  # noqa: TC001
from dragstrip.errors import StorageError
from dragstrip.run.report_forms import first_problem
from dragstrip.run.upgrade import upgraded_plan
from dragstrip.strict_model import StrictModel
from dragstrip.tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_VERSION = 2
PLAN_VARIABLE = "DRAGSTRIP_PLAN"
PARENT_VARIABLE = "DRAGSTRIP_PARENT_FD"
SLICES_FILE = "slices.jsonl"
FINISH_FILE = "finish.json"
LEDGER_FOLDER = "ledger"
MOST_OPERATIONS = 256
"""The ledger has a byte for an operation's number."""
_STRETCHES = 60
"""Of a profile that each slice plays anew."""
_MOST_STRETCHES = 240
"""Of one that goes on from pair to pair."""


Answers = Literal["right", "alike", "checked"]
"""A verified answer is right by known data, alike to the other target's, or passed its check."""


class PlannedTarget(StrictModel):
    """A target's address; its place in the list is its number in the ledger.

    `headers` name secrets as `env:NAME` or `file:PATH`, and hold none.
    """

    name: str
    kind: str
    url: Url
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    headers: Headers = Field(default_factory=dict)

    @classmethod
    def of(cls, name: str, url: str, target: TargetConfig) -> Self:
        """Return a target whose files must be there for every process."""
        files = target.tls_files._asdict()
        return cls(
            name=name, kind=target.kind, url=url, headers=absolute(target.own_headers), **files
        )

    @property
    def tls_files(self) -> TlsFiles:
        """The files that say who is trusted and who this side is."""
        return TlsFiles(self.ca_file, self.cert_file, self.key_file)


class PlannedOperation(StrictModel):
    """One kind of request; its place in the list is its number in the ledger.

    Of all arrivals, its share is its `weight` over the sum of all weights. Where it `follows`
    another, it asks for that one's keys. Where it `writes`, what was answered for its key before
    may not hold any more.
    """

    name: str = Field(min_length=1)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    method: str = "GET"
    follows: str | None = None
    writes: bool = False


class SliceLoad(StrictModel):
    """What one slice does differently from [race]; durations are seconds."""

    rate: float = Field(gt=0)
    slice: float = Field(gt=0)
    warmup: float = Field(ge=0)


class PlannedSlice(StrictModel):
    """One slice of one target. `position` is 0 or 1 within the pair.

    Both slices of a pair have the same arrivals, those of draw 0; another draw has its own.
    """

    index: int = Field(ge=0)
    pair: int = Field(ge=0)
    position: int = Field(ge=0, le=1)
    target: int = Field(ge=0, le=1)
    load: SliceLoad | None = None
    draw: int = Field(default=0, ge=0)


class Plan(StrictModel):
    """Everything that decides what is sent when. `targets` are (baseline, challenger).

    Keys run from 0 to `keys` - 1; those from there on stand for what does not exist. `answers` says
    what a verified answer is, as the facts of run.json do. `numbered` arrivals have keys that hold
    their number, and each drawn key belongs to one worker. Where it `is_search`, the slices are not
    planned: next_slice.py says while it runs which one comes next, and `rules` hold for each.
    """

    schema_version: int = SCHEMA_VERSION
    run_id: str
    seed: int
    scenario: ScenarioConfig
    keys: int
    dataset: DatasetConfig
    race: RaceConfig
    rules: RulesConfig = RulesConfig()
    answers: Answers = "right"
    numbered: bool = False
    targets: tuple[PlannedTarget, PlannedTarget]
    operations: tuple[PlannedOperation, ...] = Field(
        default=(PlannedOperation(name="lookup"),), min_length=1, max_length=MOST_OPERATIONS
    )
    slices: tuple[PlannedSlice, ...]
    is_search: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_version(cls, document: Any) -> Any:
        return upgraded_plan(document) if isinstance(document, dict) else document

    @model_validator(mode="after")
    def _operations_have_names(self) -> Self:
        names = [operation.name for operation in self.operations]
        if len(set(names)) < len(names):
            raise ValueError(f"two operations have one name: {', '.join(names)}")
        return self

    @property
    def pairs(self) -> int:
        """How many pairs of slices are planned."""
        return len(self.slices) // 2

    @property
    def plays_anew(self) -> bool:
        """Whether each slice plays all of the profile, once or more often."""
        return self.race.shape is not None and self.race.slice % self.race.shape.period_s == 0

    @property
    def stretches(self) -> int:
        """In how many stretches of a slice what was sent is counted, where the rate varies."""
        if self.race.shape is None or self.is_search:
            return 0
        return _STRETCHES if self.plays_anew else max(1, _MOST_STRETCHES // self.pairs)

    @property
    def look_pairs(self) -> tuple[int, ...]:
        """After how many pairs the race may end before its last one."""
        return self.race.look_pairs[:-1] if self.race.stop_when_decided else ()

    def ended_after(self, pairs: int) -> Plan:
        """Return the plan of a race that ends after so many pairs."""
        return self.model_copy(update={"slices": self.slices[: 2 * pairs]})

    def during(self, slice_: PlannedSlice) -> Plan:
        """Return the plan with the load of a slice that has its own."""
        if slice_.load is None:
            return self
        race = self.race.model_copy(update=slice_.load.model_dump())
        return self.model_copy(update={"race": race})

    def config(self, environ: Mapping[str, str]) -> Config:
        """Return the configuration that a scenario sees in the processes that make the load."""
        targets = {
            target.name: TargetConfig(
                kind=target.kind,
                url=target.url,
                headers=target.headers,
                **target.tls_files._asdict(),
            )
            for target in self.targets
        }
        return Config(
            scenario=self.scenario,
            targets=targets,
            dataset=self.dataset,
            race=self.race,
            rules=self.rules,
        ).with_environment(environ)


def alternate(pairs: int, seed: int) -> tuple[PlannedSlice, ...]:
    """Order the slices: ABBA or BAAB by the toss of a seeded coin, again every two pairs."""
    coin = random.Random(seed)  # noqa: S311
    slices: list[PlannedSlice] = []
    for pair in range(pairs):
        if pair % 2 == 0:
            first = coin.randrange(2)
        order = (first, 1 - first) if pair % 2 == 0 else (1 - first, first)
        for position, target in enumerate(order):
            slices.append(
                PlannedSlice(index=len(slices), pair=pair, position=position, target=target)
            )
    return tuple(slices)


def read(path: Path) -> Plan:
    """Read a plan. Raises StorageError."""
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        raise StorageError(f"{path} is not a plan: {first_problem(error)}") from None


def current() -> Plan | None:
    """Return the plan when `dragstrip race` started this process. Raises StorageError."""
    path = os.environ.get(PLAN_VARIABLE)
    return read(Path(path)) if path else None


def folder() -> Path:
    """Return the run's folder; only in a process that has a plan."""
    return Path(os.environ[PLAN_VARIABLE]).parent
