"""The plan of a race: what every Locust process reads before it starts. It holds no secret."""

from __future__ import annotations

import os
import random
from pathlib import Path

from pydantic import ValidationError

from dragstrip.config.config import DatasetConfig, Kind, RaceConfig  # noqa: TC001
from dragstrip.config.fields import Url  # noqa: TC001
from dragstrip.errors import StorageError
from dragstrip.strict_model import StrictModel

SCHEMA_VERSION = 1
PLAN_VARIABLE = "DRAGSTRIP_PLAN"
PARENT_VARIABLE = "DRAGSTRIP_PARENT_FD"
SLICES_FILE = "slices.jsonl"
LEDGER_FOLDER = "ledger"


class PlannedTarget(StrictModel):
    """A target's address; its place in the list is its number in the ledger."""

    name: str
    kind: Kind
    url: Url
    ca_file: Path | None = None


class PlannedSlice(StrictModel):
    """One turn of one target. `position` is 0 or 1 within the pair."""

    index: int
    pair: int
    position: int
    target: int


class PlannedKeys(StrictModel):
    """So many numbers of one's own; they are handed over in memory and stand in no file."""

    keys: int


class Plan(StrictModel):
    """Everything that decides what is sent when. `targets` are (baseline, challenger)."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    seed: int
    dataset: DatasetConfig | PlannedKeys
    race: RaceConfig
    targets: tuple[PlannedTarget, PlannedTarget]
    slices: tuple[PlannedSlice, ...]

    @property
    def pairs(self) -> int:
        """How many pairs of slices are planned."""
        return len(self.slices) // 2

    @property
    def keys(self) -> int:
        """How many keys there are, 0 <= key < keys; keys from there on belong to nobody."""
        data = self.dataset
        return data.keys if isinstance(data, PlannedKeys) else data.contacts

    @property
    def counted_s(self) -> float:
        """How many seconds of each slice count."""
        return self.race.counted_s


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
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise StorageError(f"{path} is not a plan: {place}: {problem['msg']}") from None


def current() -> Plan | None:
    """Return the plan when `dragstrip race` started this process. Raises StorageError."""
    path = os.environ.get(PLAN_VARIABLE)
    return read(Path(path)) if path else None


def folder() -> Path:
    """Return the run's folder; only in a process that has a plan."""
    return Path(os.environ[PLAN_VARIABLE]).parent
