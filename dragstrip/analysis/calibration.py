"""The stored calibration: how far this machine can be trusted, and what that means for a race.

It is one file, `calibration.json` in dragstrip's folder for data (dragstrip/home.py). It holds the
slices' quantiles of every run it was made from, so that its figures can be computed again.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import datetime  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError

from dragstrip import atomic_file, home
from dragstrip.analysis.aa_test import EqualTargets, Pairs  # noqa: TC001
from dragstrip.analysis.comparable import Platform, platform
from dragstrip.config.config import Metric  # noqa: TC001
from dragstrip.errors import StorageError
from dragstrip.run.model import Calibrated, Gate, Machine, Versions
from dragstrip.stats.welch import Between
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.config.config import Config
    from dragstrip.run.model import Run

FILE = "calibration.json"

Rate = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Attempt(StrictModel):
    """A race at one rate against the instant server, and the gates that it failed."""

    rate_per_s: Rate
    held: bool
    failed: list[Gate]


class Ceiling(StrictModel):
    """What one process sends to a server that answers at once.

    `closed_per_s` counts verified requests a second in the closed model, where nothing is due, with
    `users` connections; `rate_per_s` is the highest open rate at which every gate held, twice.
    `server_cpu` is the share of a core that the server used meanwhile: near 1, it and not the
    generator was measured. Nearly all answers, of `contacts` contacts, were seen before; where
    every one is new and compared in full, a process keeps up with about `new_per_s`.
    """

    rate_per_s: Rate
    closed_per_s: Rate
    new_per_s: Rate
    users: Count
    contacts: Count
    server_cpu: Rate
    attempts: list[Attempt]


class SameRun(StrictModel):
    """A valid run of the target against itself: the slice quantiles in ms, pair by pair."""

    id: str
    started: datetime
    slices_ms: dict[Metric, Pairs]


class SameTarget(StrictModel):
    """All runs of a target against itself, under one load, and what came of them by metric.

    `invalid` names the gates that each of the other runs failed.
    """

    target: str
    kind: str
    url: str
    lab: bool
    rate: Rate
    slice: float
    warmup: float
    runs: list[SameRun]
    invalid: list[list[str]]
    found: dict[Metric, EqualTargets]


class Calibration(StrictModel):
    """calibration.json. `same` is null when only the ceiling was sought."""

    schema_version: Literal[1] = 1
    made: datetime
    machine: Machine
    versions: Versions
    ceiling: Ceiling
    same: SameTarget | None


def place() -> Path:
    """Return where the calibration is, or will be."""
    return home.data() / FILE


def write(calibration: Calibration) -> Path:
    """Store a calibration in place of the last one. Raises StorageError."""
    path = place()
    with _storing(path):
        atomic_file.write(path, calibration.model_dump_json(indent=2) + "\n")
    return path


def require_place() -> None:
    """Check that a calibration can be stored. Raises StorageError."""
    path = place()
    with _storing(path), tempfile.TemporaryFile(dir=path.parent):
        pass


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}", fix=f"make room, or set {home.HOME_VARIABLE}"
        ) from None


def read() -> Calibration | None:
    """Read the calibration; None when there is none. Raises StorageError."""
    path = place()
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise StorageError(
            f"{path} is not a calibration that this dragstrip can read: {where}: {problem['msg']}",
            fix="run `dragstrip calibrate`, or delete the file",
        ) from None


class Sides(NamedTuple):
    """What a race asks, as a calibration needs to know it.

    The `kind` and address of each target, None for one of the lab, which chooses its ports anew;
    and how many keys the scenario has.
    """

    targets: list[tuple[str, str | None]]
    keys: int


def consult(
    config: Config, sides: Sides, processes: int, machine: Machine, versions: Versions
) -> Calibrated | None:
    """Return what the stored calibration says about a race; None when there is none.

    A calibration from elsewhere is ignored, and that is said. Raises StorageError for a file that
    cannot be read.
    """
    found = read()
    if found is None:
        return None
    stale = _why_stale(found, Platform(machine, versions))
    if stale:
        remark = f"The calibration of {found.made:%Y-%m-%d} is ignored: it is of another {stale}."
        return Calibrated(made=found.made, ceiling_per_s=None, noise_floor={}, remarks=[remark])
    floors = {name: one.noise_floor for name, one in _same_of(found, sides).items()}
    return Calibrated(
        made=found.made,
        ceiling_per_s=found.ceiling.rate_per_s,
        noise_floor=floors,
        remarks=list(_remarks(found, config, sides, processes)),
    )


def between_runs(
    run: Run, target: str, metric: Metric, *, found: Calibration | None
) -> Between | None:
    """Return what runs of this target differ by on this run's machine; None when not known."""
    here = Platform(run.machine, run.versions)
    if found is None or found.same is None or _why_stale(found, here):
        return None
    same, now = found.same, run.targets[target]
    if not _is(same, now.kind, None if run.lab else now.url) or metric not in same.found:
        return None
    return Between(same.found[metric].between_runs, len(same.runs) - 1)


def _why_stale(found: Calibration, now: Platform) -> str | None:
    for what, old, new, _ in platform(Platform(found.machine, found.versions), now):
        if old != new:
            part, _, field = what.partition(".")
            return f"machine ({old})" if part == "machine" else f"version ({field} {old})"
    return None


def _same_of(found: Calibration, sides: Sides) -> dict[Metric, EqualTargets]:
    """Return what equal targets came to, if the race has the target that they were."""
    same = found.same
    if same is None:
        return {}
    return same.found if any(_is(same, *target) for target in sides.targets) else {}


def _is(same: SameTarget, kind: str, url: str | None) -> bool:
    """Tell whether this is that target. No address means the lab, which chooses its ports anew."""
    return same.kind == kind and same.lab == (url is None) and (url in {None, same.url})


def _remarks(found: Calibration, config: Config, sides: Sides, processes: int) -> Iterator[str]:
    known, metric, ceiling = _same_of(found, sides), config.rules.metric, found.ceiling
    if found.same is None:
        yield "Calibrated without runs of equal targets: the noise floor is not known."
    elif not known:
        yield f"Calibrated with {found.same.target}, not raced here: the noise floor is not known."
    elif metric not in known:
        yield f"Calibration found no noise floor for {metric}."
    elif known[metric].standing == "too often":
        one = known[metric]
        yield (
            f"Calibration told equal targets apart in {one.alarms} of {one.stretches} races by "
            f"{metric}, more than 5 %: intervals on this machine are too short."
        )
    if sides.keys > ceiling.contacts and config.race.rate > (ceiling.new_per_s * processes):
        yield (
            f"Of {sides.keys:,} keys many answers are new, and are compared in "
            f"full: beyond about {ceiling.new_per_s * processes:,.0f}/s that takes longer than "
            "there is time."
        )
