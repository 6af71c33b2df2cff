"""Whether two runs may be compared over time: what must be alike, and what is not.

pyperf (https://pyperf.readthedocs.io) refuses to compare unlike environments for the same reason:
a difference in what was asked, or of what, looks like a difference in how fast it was answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dragstrip.config.config import RaceConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.run.model import Machine, Run, ScenarioFacts, Versions

_LOAD = (
    ("rate", "race with the same --rate"),
    ("arrivals", "race with the same race.arrivals"),
    ("profile", "race with the same race.profile"),
    ("keys", "race with the same --keys"),
    ("miss", "race with the same --miss"),
    ("slice", "race with the same --slice"),
    ("warmup", "race with the same race.warmup"),
    ("connections", "race with the same race.connections"),
    ("timeout", "race with the same race.timeout"),
    ("connect_timeout", "race with the same race.connect_timeout"),
    ("first_byte_timeout", "race with the same race.first_byte_timeout"),
    ("protocol", "race with the same --protocol"),
    ("ledger", "race with the same race.ledger"),
    ("request_events", "race with the same race.request_events"),
    ("otel", "race both times with --otel, or without"),
)
_SAME_MACHINE = "race on the same machine"
_SAME_VERSION = "race with the same version both times"


class Platform(NamedTuple):
    """Where something was measured, and with which versions."""

    machine: Machine
    versions: Versions


@dataclass(frozen=True, slots=True)
class Unlike:
    """One thing that differs: its name, its value in either run, and how to make it alike."""

    what: str
    older: str
    newer: str
    fix: str


def unlike(older: Run, newer: Run, target: str) -> list[Unlike]:
    """Return what differs between two runs that both have this target, gravest first."""
    return [
        Unlike(what, _shown(old), _shown(new), fix)
        for what, old, new, fix in _conditions(older, newer, target)
        if old != new
    ]


def _conditions(older: Run, newer: Run, target: str) -> Iterator[tuple[str, Any, Any, str]]:
    yield "lab", older.lab, newer.lab, "compare lab with lab, and deployment with deployment"
    yield from _target(older, newer, target)
    yield from _scenario(older.scenario, newer.scenario)
    mixes = (_operations(older), _operations(newer))
    yield "operations", *mixes, "race the same scenario both times, with the same weights"
    yield "model", _model(older), _model(newer), "race in the open model both times, or the closed"
    for field, fix in _LOAD:
        yield f"race.{field}", race_setting(older, field), race_setting(newer, field), fix
    yield "faults", _faults(older), _faults(newer), "race with the same --fault both times"
    yield "processes", older.processes, newer.processes, "race with the same --processes"
    yield from platform(*(Platform(run.machine, run.versions) for run in (older, newer)))


def _target(older: Run, newer: Run, name: str) -> Iterator[tuple[str, Any, Any, str]]:
    old, new = older.targets[name], newer.targets[name]
    yield f"targets.{name}.kind", old.kind, new.kind, "name another target with --target"
    # The lab chooses its ports anew when others have taken them.
    if not (older.lab and newer.lab):
        yield f"targets.{name}.url", old.url, new.url, "name another target with --target"


def _scenario(old: ScenarioFacts, new: ScenarioFacts) -> Iterator[tuple[str, Any, Any, str]]:
    yield "scenario", old.name, new.name, "race the same scenario both times"
    if old.facts.alike != new.facts.alike:
        yield "data", old.facts.data, new.facts.data, new.facts.alike_fix
        return
    for name in new.facts.alike:
        yield name, old.facts.values.get(name), new.facts.values.get(name), new.facts.alike_fix
    yield new.facts.digest_of, old.facts.digest, new.facts.digest, new.facts.alike_fix


def _operations(run: Run) -> str:
    """Return the operations with their shares of the arrivals, which is what weights decide."""
    sum_ = sum(operation.weight for operation in run.operations)
    shares = (f"{each.method} {each.name} {each.weight / sum_:.4g}" for each in run.operations)
    return ", ".join(shares)


def _faults(run: Run) -> str:
    return ", ".join(f"{each.kind}:{each.service}@{each.planned_s:g}s" for each in run.faults)


def race_setting(run: Run, field: str) -> Any:
    """Return a setting of [race]; a run from before it existed had what is now its default."""
    return run.config["race"].get(field, RaceConfig.model_fields[field].default)


def _model(run: Run) -> str:
    return "open" if race_setting(run, "rate") else "closed"


def platform(older: Platform, newer: Platform) -> Iterator[tuple[str, Any, Any, str]]:
    """Yield what measures alike only where it is the same: parts of the machine, and versions."""
    old, new = older.machine, newer.machine
    for field in ("system", "architecture", "processor", "cpus", "cpu_quota"):
        yield f"machine.{field}", getattr(old, field), getattr(new, field), _SAME_MACHINE
    # A kernel keeps a few MiB more or less to itself from one start to the next.
    sizes = [f"{machine.memory_bytes / 2**30:.0f} GiB" for machine in (old, new)]
    yield "machine.memory", sizes[0], sizes[1], _SAME_MACHINE
    for field, parts in (("dragstrip", None), ("locust", 2), ("python", 2)):
        series = [_series(getattr(one.versions, field), parts) for one in (older, newer)]
        yield f"versions.{field}", series[0], series[1], _SAME_VERSION


def _series(version: str, parts: int | None = None) -> str:
    """Return the leading parts of a version within which it measures alike.

    By default the first that is not 0: 1 of 1.4.2, and 0.4 of 0.4.2.
    """
    numbers = version.split(".")
    if parts is None:
        parts = next((n for n, number in enumerate(numbers, 1) if number != "0"), len(numbers))
    return ".".join(numbers[:parts])


def _shown(value: object) -> str:
    return value[:12] + "…" if isinstance(value, str) and len(value) == 64 else str(value)
