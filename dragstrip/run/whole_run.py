"""What the form of run.json leaves open: its configuration, and that its parts fit together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dragstrip.config.config import RaceConfig, RulesConfig
from dragstrip.errors import StorageError
from dragstrip.run.report_forms import first_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.run.model import Run, Slice, TargetTotals


def whole(run: Run, source: str) -> Run:
    """Return the run with every setting of the race and the rule. Raises StorageError.

    A setting that an earlier version did not have has its default.
    """
    problem = next(_problems(run), None)
    if problem is not None:
        raise StorageError(f"{source} is damaged: {problem}", fix="take the file from a backup")
    return run.model_copy(update={"config": run.config | _settings(run.config, source)})


def _settings(config: dict[str, Any], source: str) -> dict[str, Any]:
    found = {}
    for name, section in (("race", RaceConfig), ("rules", RulesConfig)):
        try:
            found[name] = section.model_validate(config.get(name)).model_dump(mode="json")
        except ValidationError as error:
            raise StorageError(f"{source}: config.{name}: {first_problem(error)}") from None
    return found


def _problems(run: Run) -> Iterator[str]:
    for name, section in run.config.items():
        if not isinstance(section, dict):
            yield f"config.{name} is not a table"
    if not all(isinstance(one, dict) for one in run.config.get("targets", {}).values()):
        yield "config.targets must hold a table for each target"
    if not run.operations:
        yield "there are no operations"
    sides = {run.baseline, run.challenger}
    # A race that was cut short has left no figures.
    if not (sides <= run.targets.keys() or (run.interrupted and not run.targets)):
        yield "targets: there are no figures of " + ", ".join(sorted(sides - run.targets.keys()))
    yield from _contradictions(run)


def _contradictions(run: Run) -> Iterator[str]:
    parts: list[TargetTotals | Slice] = [*run.targets.values(), *run.slices]
    if any(
        part.verified > part.requests for one in parts for part in (one, *one.operations.values())
    ):
        yield "more requests were verified than were due"
    if any(one.error_rate > 1 for one in run.targets.values()):
        yield "targets: an error_rate is above 1"
    of_pair = Counter((one.pair, one.target) for one in run.slices)
    for pair in {one.pair for one in run.slices}:
        if any(of_pair[pair, side] != 1 for side in (run.baseline, run.challenger)):
            yield f"slices: pair {pair} must have one slice of each target"
