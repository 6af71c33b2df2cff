"""Races and stored runs for scripts and notebooks: `from dragstrip import race, load_run`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.analysis.paired_values import by_pair
from dragstrip.config import config as configuration
from dragstrip.config import presets
from dragstrip.config.target_pair import ENDPOINT, chosen_scenario, is_described, target_pair
from dragstrip.errors import InvalidRun, UnsafeTarget, UsageError
from dragstrip.race.race import Options, conclude
from dragstrip.race.race import race as run_race
from dragstrip.run import folder as run_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dragstrip.config.config import Metric
    from dragstrip.config.presets import Preset
    from dragstrip.ledger.rows import Rows
    from dragstrip.live.follow import State
    from dragstrip.run.model import Run, Verdict
    from dragstrip.scenario import Scenario

_FIGURES = ("p50_ms", "p95_ms", "p99_ms", "offered_per_s", "achieved_per_s")
_SLICE = np.dtype(
    [("slice", "i8"), ("pair", "i8"), ("position", "i8"), ("target", "U40")]
    + [("requests", "i8"), ("verified", "i8"), ("failed", "i8")]
    + [(name, "f8") for name in _FIGURES]
)
_PAIR = np.dtype([("pair", "i8"), ("baseline", "f8"), ("challenger", "f8"), ("ratio", "f8")])
_QUANTILE = np.dtype([("share", "f8"), ("ms", "f8"), ("low_ms", "f8"), ("high_ms", "f8")])


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run that is stored in `folder`: its figures, and its verdict.

    The methods return structured numpy arrays, which `pandas.DataFrame` takes as they are. What
    does not exist, such as a quantile among failures, is NaN.
    """

    folder: Path
    run: Run
    verdict: Verdict

    def slices(self) -> NDArray[np.void]:
        """Return every counted slice, in the order they ran.

        Columns: slice, pair, position, target, requests, verified, failed, p50_ms, p95_ms, p99_ms,
        offered_per_s, achieved_per_s.
        """
        rows = [
            (
                *(one.index, one.pair, one.position, one.target),
                *(one.requests, one.verified, one.requests - one.verified),
                *(_number(getattr(one, name)) for name in _FIGURES),
            )
            for one in self.run.slices
        ]
        return np.array(rows, _SLICE)

    def pairs(self, metric: Metric | None = None) -> NDArray[np.void]:
        """Return a quantile pair by pair; by default the one that the rule decides on.

        Columns: pair, baseline and challenger in ms, ratio (challenger/baseline).
        """
        values = by_pair(self.run, metric or self.verdict.metric)
        numbers = sorted({one.pair for one in self.run.slices})
        rows = [
            (number, _number(old), _number(new), _number(new) / _number(old))
            for number, (old, new) in zip(numbers, zip(*values, strict=True), strict=True)
        ]
        return np.array(rows, _PAIR)

    def quantiles(self, target: str) -> NDArray[np.void]:
        """Return the distribution of a target's response time, with 95 % intervals.

        Columns: share, ms, low_ms, high_ms. Raises UsageError for a target that the run has not.
        """
        if target not in self.run.targets:
            known = ", ".join(self.run.targets)
            raise UsageError(f'there is no target "{target}"', fix=f"name one of {known}")
        bands = self.run.targets[target].distribution
        rows = [(b.share, _number(b.ms), _number(b.low_ms), _number(b.high_ms)) for b in bands]
        return np.array(rows, _QUANTILE)

    def ledger(self) -> Rows:
        """Return every row that was recorded; docs/ledger.md describes the columns.

        Raises StorageError where the run kept no ledger or it cannot be read.
        """
        folder = run_folder.RunFolder(self.folder)
        folder.require_rows()
        return np.concatenate([segment.rows for segment in folder.read_ledger()])


def load_run(run: str | Path = "latest", runs: str | Path = "runs") -> StoredRun:
    """Read a stored run: a folder, an id under `runs`, or "latest". Raises StorageError."""
    folder = run_folder.find(str(run), Path(runs))
    stored = folder.read_run()
    return StoredRun(folder.path, *conclude(folder, stored, interrupted=stored.interrupted))


def race(
    baseline: str | None = None,
    challenger: str | None = None,
    *,
    scenario: str | type[Scenario] | None = None,
    preset: Preset | None = None,
    config: str | Path | None = None,
    runs: str | Path = "runs",
    seed: int | None = None,
    **settings: Any,
) -> StoredRun:
    """Race two targets and return the stored run; `settings` are fields of [race].

    Two addresses without a scenario are two endpoints, asked as they stand. Without addresses the
    configured targets race, or the embedded lab's. Load is made without asking. A valid run is
    returned whatever its verdict is. Raises InvalidRun for one that proves nothing (it is stored
    all the same), UsageError and the other errors of `dragstrip.errors` where no race was run.
    """
    given = [one for one in (baseline, challenger) if one is not None]
    path = Path(config) if config else None
    document = configuration.read_document(path)
    section = configuration.section_of(document, "scenario")
    name = chosen_scenario(given, _name(scenario), section)
    sections: dict[str, dict[str, Any]] = {
        "scenario": {"name": name},
        **target_pair(given, whole=name == ENDPOINT and not is_described(section)),
    }
    loaded = presets.load(os.environ, path, preset, settings, sections, document)
    result = run_race(loaded, Options(out=Path(runs), seed=seed), _StderrProgress())
    if result.unfinished == "interrupted":
        raise KeyboardInterrupt
    if result.verdict.verdict == "unsafe":
        raise UnsafeTarget(f"run {result.run.id}: {result.verdict.reason}")
    if result.verdict.verdict == "invalid":
        raise InvalidRun(f"run {result.run.id} is invalid: {result.verdict.reason}")
    return StoredRun(result.folder.path, result.run, result.verdict)


class _StderrProgress:
    def say(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    def watch(self, state: State, metric: Metric) -> None:
        pass


def _name(scenario: str | type[Scenario] | None) -> str | None:
    if scenario is None or isinstance(scenario, str):
        return scenario
    if scenario.__module__ == "__main__":
        raise UsageError(
            f"scenario {scenario.__name__} is defined in this script or notebook, where the "
            "processes that make the load cannot find it",
            fix=f'put it into a file of its own and give "file.py:{scenario.__name__}"',
        )
    return f"{scenario.__module__}:{scenario.__qualname__}"


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
