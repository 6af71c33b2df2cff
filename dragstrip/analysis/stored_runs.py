"""Reads all stored runs, and names what stands among them and is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.analysis import stored_searches
from dragstrip.analysis.history import History, Skipped
from dragstrip.analysis.history import history as over_time
from dragstrip.analysis.stored_searches import carried
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.errors import StorageError, UsageError
from dragstrip.run import folder
from dragstrip.run.folder import RUN_FILE, RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Metric
    from dragstrip.run.model import Run, Verdict

Stored = tuple["Run", "Verdict"]
_SHOWN = 5


def read(
    out: Path, *, target: str | None = None, metric: Metric | None = None, last: int | None = None
) -> History:
    """Return the history of a target over the runs in a folder, the `last` ones if so many.

    Without a target or a metric these are the newest run's baseline and its rule's; of several
    operations, it is the one that this rule looks at. Raises StorageError where the folder cannot
    be read or holds no run, UsageError for a target that no run knows.
    """
    stored, skipped = _stored(out)
    searches = list(stored_searches.all_in(out))
    if not stored and searches:
        of = target or searches[-1].baseline
        metric = metric or searches[-1].objective.metric
        return over_time([], of, metric, skipped, searches=carried(searches, of)[-(last or 0) :])
    if not stored:
        shown = [f"; {one.name}: {one.reason}" for one in skipped[:_SHOWN]]
        rest = len(skipped) - len(shown)
        raise StorageError(
            f"{out} holds no run{''.join(shown)}" + (f"; {rest:,} more" if rest else ""),
            fix="race first, or correct --out",
        )
    newest, verdict = stored[-1]
    chosen = stored[-last:] if last else stored
    names = sorted({name for run, _ in chosen for name in run.targets})
    if target is not None and target not in names:
        raise UsageError(
            f"--target: no run has a target {target}", fix=f"name one of {', '.join(names)}"
        )
    of = target or newest.baseline
    return over_time(
        chosen,
        of,
        metric or verdict.metric,
        skipped,
        operation=verdict.operation,
        searches=carried(searches, of)[-(last or 0) :],
    )


def _stored(out: Path) -> tuple[list[Stored], list[Skipped]]:
    """Return the runs in the order they were made, and what is none."""
    found: dict[str, Stored] = {}
    skipped = []
    for path in folder.within(out):
        try:
            run, verdict = _read(path)
        except StorageError as error:
            skipped.append(Skipped(name=path.name, reason=error.message))
            continue
        if run.id in found:
            skipped.append(Skipped(name=path.name, reason=f"it is a copy of run {run.id}"))
        else:
            found[run.id] = (run, verdict)
    ordered = sorted(found.values(), key=lambda one: (one[0].started, one[0].id))
    return ordered, skipped


def _read(path: Path) -> Stored:
    if not path.is_dir():
        raise StorageError("it is not a folder")
    if not (path / RUN_FILE).exists():
        raise StorageError(f"it holds no {RUN_FILE}")
    run = RunFolder(path).read_run()
    _require_whole(run)
    return run, judge(run, RulesConfig.model_validate(run.config["rules"]))


def _require_whole(run: Run) -> None:
    """Check that there are figures, as of a race that was cut short. Raises StorageError."""
    for name in (run.baseline, run.challenger):
        if name not in run.targets:
            raise StorageError(f"its {RUN_FILE} has no figures of {name}")
