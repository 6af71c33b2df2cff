"""`dragstrip ledger`: what a stored run recorded, row by row, and whether its figures follow."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from dragstrip import atomic_file
from dragstrip.analysis.recount import recount
from dragstrip.cli import output as stdout
from dragstrip.cli.options import examples, runs_folder
from dragstrip.errors import StorageError, UsageError
from dragstrip.ledger import export
from dragstrip.run import folder as run_folder
from dragstrip.run.plan import LEDGER_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dragstrip.analysis.recount import Recount
    from dragstrip.ledger.reader import Segment
    from dragstrip.ledger.rows import Rows
    from dragstrip.run.plan import Plan

_SHOWN = 20
"""Differences that are listed; the others are counted."""
_TORN = "{}: its last row is cut off and left out"


@click.command(
    epilog=examples(
        "dragstrip ledger latest", "dragstrip ledger latest --format csv --output rows.csv"
    )
)
@click.argument("run")
@runs_folder
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), help="Export the rows.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; CSV goes to standard output without it.",
)
@click.option("--target", metavar="NAME", help="Export this target's rows only.")
@click.option(
    "--slice", "slice_index", type=int, metavar="N", help="Export this slice's rows only."
)
def ledger(
    run: str,
    out: Path,
    form: str | None,
    output: Path | None,
    target: str | None,
    slice_index: int | None,
) -> int:
    """Count a stored run's requests again, or export them.

    RUN is a folder, an id under --out, or "latest". Without --format it says what the ledger holds
    and whether the run's figures follow from it; it exits with 1 when they do not.
    """
    folder = run_folder.find(run, out)
    if form is None:
        for flag, value in (("--output", output), ("--target", target), ("--slice", slice_index)):
            if value is not None:
                raise UsageError(f"{flag} is for an export", fix="add --format csv or parquet")
        return _show(recount(folder), (folder.path / LEDGER_FOLDER).resolve())
    which = _Chosen(folder.read_plan(), target, slice_index)
    folder.require_rows()
    if form == "parquet":
        _export_parquet(folder, which, output)
    else:
        _export_csv(folder, which, output)
    return 0


class _Chosen:
    """Says which rows are to be exported. Raises UsageError."""

    def __init__(self, plan: Plan, target: str | None, slice_index: int | None) -> None:
        targets = [one.name for one in plan.targets]
        self.names = {
            "target": targets,
            "operation": [operation.name for operation in plan.operations],
        }
        if target is not None and target not in targets:
            raise UsageError(
                f'--target: the run has no target "{target}"',
                fix=f"name one of {', '.join(targets)}",
            )
        if slice_index is not None and not 0 <= slice_index < len(plan.slices):
            raise UsageError(
                f"--slice: the run has no slice {slice_index}",
                fix=f"name one from 0 to {len(plan.slices) - 1}",
            )
        self._target = None if target is None else targets.index(target)
        self._slice = slice_index

    def __call__(self, rows: Rows) -> NDArray[np.bool_]:
        """Return a mask of the chosen rows."""
        mask = np.ones(len(rows), np.bool_)
        if self._target is not None:
            mask &= rows["target"] == self._target
        if self._slice is not None:
            mask &= rows["slice"] == self._slice
        return mask


def _segments(folder: run_folder.RunFolder) -> Iterator[Segment]:
    for segment in folder.read_ledger():
        if segment.is_torn:
            last = segment.first_row + len(segment.rows)
            click.echo(
                f"warning: worker {segment.worker}: row {last} is cut off and left out", err=True
            )
        yield segment


def _export_csv(folder: run_folder.RunFolder, which: _Chosen, output: Path | None) -> None:
    if output is not None:
        with _fresh(output) as path, path.open("w", newline="") as file:
            count = export.write_csv(_segments(folder), which.names, which, file)
        click.echo(f"{count} rows in {output}", err=True)
        return
    wanted = takewhile(lambda _: not stdout.is_broken(), _segments(folder))
    export.write_csv(wanted, which.names, which, sys.stdout)


def _export_parquet(folder: run_folder.RunFolder, which: _Chosen, output: Path | None) -> None:
    export.require_arrow()
    if output is None:
        raise UsageError("--format parquet needs --output", fix="name the file to write")
    with _fresh(output) as path:
        count = export.write_parquet(_segments(folder), which.names, which, path)
    click.echo(f"{count} rows in {output}", err=True)


@contextmanager
def _fresh(output: Path) -> Iterator[Path]:
    """Yield where to write; only a whole file takes the output's name."""
    try:
        with atomic_file.filling(output) as path:
            yield path
    except OSError as error:
        raise StorageError(
            f"cannot write {output}: {error.strerror}", fix="correct --output, or make room"
        ) from None


def _show(found: Recount, ledger_folder: Path) -> int:
    rows = sum(found.rows.values())
    mebibytes = found.bytes / 2**20
    click.echo(f"{rows} rows in {found.segments} segments, {mebibytes:.1f} MiB")
    for worker, count in sorted(found.rows.items()):
        click.echo(f"  worker {worker}: {count} rows")
    for name, outcomes in sorted(found.outcomes.items()):
        counts = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.most_common())
        click.echo(f"  {name}: {counts}")
    for worker, count in sorted(found.unreported.items()):
        click.echo(f"  worker {worker}: {count} rows of slices that it did not report")
    for name in found.torn:
        click.echo(_TORN.format(name))
    if found.is_dropped:
        raise StorageError(
            'the run cannot be counted again: race.ledger was "drop"',
            fix='race with race.ledger = "keep" or "compress"',
        )
    sources = "slices.jsonl" + (" and finish.json" if found.is_finished else "")
    if not found.is_finished:
        click.echo("the race did not finish: there is no finish.json")
    if found.missing:
        click.echo(f"recounted: {found.tallies} tallies of those that are here")
        _show_differences(found, sources)
        raise StorageError(
            f"the parts of {_workers(found.missing)} are not in {ledger_folder}",
            fix=f"copy {', '.join(f'{worker}-*' for worker in found.missing)} there from "
            f"runs/{ledger_folder.parent.name}/ledger/ on the machines of those workers",
        )
    if found.holds:
        click.echo(f"recounted: {found.tallies} tallies, equal to {sources}")
        return 0
    _show_differences(found, sources)
    return 1


def _workers(numbers: list[int]) -> str:
    return f"worker{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"


def _show_differences(found: Recount, sources: str) -> None:
    if not found.differences:
        return
    click.echo(f"recounted: {len(found.differences)} figures differ from {sources}")
    for difference in found.differences[:_SHOWN]:
        click.echo(f"  {difference}")
    if len(found.differences) > _SHOWN:
        click.echo(f"  and {len(found.differences) - _SHOWN} more")
