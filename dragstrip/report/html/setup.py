"""How a run was set up, and what repeats it: the tables at the end of the HTML report."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from dragstrip.analysis import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dragstrip.run.model import Run

Rows = list[tuple[str, str]]


def configured(run: Run) -> Rows:
    """Return everything that was configured: the field and its value."""
    return [
        (".".join(path), _shown(value)) for path, value in _leaves(run.config) if value is not None
    ] + [
        (f"targets.{name}.url, as used", side.url)
        for name, side in run.targets.items()
        if _url(run, name) is None
    ]


def machine(run: Run) -> Rows:
    """Return where the load came from and what made it."""
    of, made = run.machine, run.versions
    return [
        ("started", f"{run.started:%Y-%m-%d %H:%M:%S} UTC"),
        ("ended", f"{run.ended:%Y-%m-%d %H:%M:%S} UTC"),
        ("processor", f"{of.processor}, {of.cpus} cores, {of.architecture}"),
        ("memory", f"{of.memory_bytes / 2**30:.1f} GiB"),
        ("system", of.system),
        ("processes that made the load", str(run.processes)),
        ("dragstrip", made.dragstrip),
        ("Locust", made.locust),
        ("Python", made.python),
    ]


def dataset(run: Run) -> Rows:
    """Return what the scenario established before the race; its digest is shown by itself."""
    values = run.scenario.facts.values.items()
    return [
        ("scenario", run.scenario.name),
        *((name, _shown(value)) for name, value in values if value is not None),
    ]


def digest(run: Run) -> tuple[str, str]:
    """Return what the data is known by: what kind of digest, and the digest."""
    facts = run.scenario.facts
    return facts.digest_of, facts.digest or ""


def commands(run: Run) -> str:
    """Return the shell commands that race the same requests at the same times again."""
    lines = [f"dragstrip race --config dragstrip.toml --seed {run.seed}"]
    if run.processes > 1:
        lines[0] += f" --processes {run.processes}"
    if not run.lab:
        first = run.scenario.facts.commands
        lines[:0] = [f"dragstrip {one} --config dragstrip.toml" for one in first]
    lines.append(f"dragstrip report {shlex.quote(run.id)} --format html > report.html")
    return "\n".join(lines)


def configuration_file(run: Run) -> str:
    """Return a dragstrip.toml that configures the same race."""
    lines: list[str] = []
    for section, fields in run.config.items():
        tables = (
            {f"{section}.{_key(name)}": one for name, one in fields.items()}
            if section == "targets"
            else {section: fields}
        )
        for name, table in tables.items():
            lines += [f"[{name}]", *_assignments(table), ""]
    return "\n".join(lines).strip()


def _assignments(table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if value is not None:
            # Of what a configuration holds, TOML and JSON write all alike.
            yield f"{_key(name)} = {json.dumps(value, ensure_ascii=False)}"


def _key(name: str) -> str:
    return (
        name
        if name.replace("-", "").replace("_", "").isalnum()
        else json.dumps(name, ensure_ascii=False)
    )


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, (*path, str(name)))
    else:
        yield path, value


def _shown(value: object) -> str:
    if isinstance(value, list):
        return " to ".join(map(_shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.15g}"
    return numbers.NOTHING if value is None else str(value)


def _url(run: Run, name: str) -> object:
    targets = run.config.get("targets", {})
    return targets.get(name, {}).get("url")
