"""What the form of run.json leaves open: its configuration, and that its parts fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from dragstrip.config.config import RaceConfig, RulesConfig
from dragstrip.errors import StorageError
from dragstrip.run.report_forms import first_problem

if TYPE_CHECKING:
    from dragstrip.run.model import Run


def whole(run: Run, source: str) -> Run:
    """Return the run with every setting of the race and the rule. Raises StorageError.

    A setting that an earlier version did not have has its default.
    """
    config = dict(run.config)
    for name, section in (("race", RaceConfig), ("rules", RulesConfig)):
        if not isinstance(config.get(name), dict):
            raise StorageError(f"{source} has no config.{name}")
        try:
            config[name] = section.model_validate(config[name]).model_dump(mode="json")
        except ValidationError as error:
            raise StorageError(f"{source}: config.{name}.{first_problem(error)}") from None
    targets = config.setdefault("targets", {})
    if not isinstance(targets, dict) or not all(isinstance(one, dict) for one in targets.values()):
        raise StorageError(f"{source}: config.targets must hold a table for each target")
    missing = {run.baseline, run.challenger} - run.targets.keys()
    # A race that was cut short has left no figures.
    if missing and not run.interrupted:
        raise StorageError(f"{source} has no figures of {', '.join(sorted(missing))}")
    return run.model_copy(update={"config": config})
