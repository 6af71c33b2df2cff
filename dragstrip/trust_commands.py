"""`dragstrip calibrate` and `dragstrip compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console

from dragstrip.config import Metric
from dragstrip.errors import RequirementNotMet, Undecided

if TYPE_CHECKING:
    from dragstrip.analyse.model import Run
    from dragstrip.analyse.regression_model import Regression


@click.command()
@click.argument("older")
@click.argument("newer")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder of the stored runs.",
)
@click.option("--target", metavar="NAME", help="Target to compare; by default the baseline.")
@click.option(
    "--metric",
    type=click.Choice(get_args(Metric)),
    help="Quantile to compare; by default the newer run's rules.metric.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(1, 1000),
    default=1.1,
    show_default=True,
    metavar="RATIO",
    help="Slower by this much is put up with.",
)
@click.option(
    "--error-tolerance",
    type=click.FloatRange(0, 1),
    default=0.001,
    show_default=True,
    metavar="SHARE",
    help="So much more of all lookups may fail.",
)
@click.option("--force", is_flag=True, help="Compare unlike runs too, and say what differs.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare(
    older: str,
    newer: str,
    out: Path,
    target: str | None,
    metric: Metric | None,
    tolerance: float,
    error_tolerance: float,
    force: bool,
    as_json: bool,
) -> None:
    """Tell whether one target became slower from the OLDER run to the NEWER.

    Each is a folder, an id under --out, or "latest". Exit code 0: no regression; 1: a regression;
    2: the runs cannot be compared; 3: one of them is invalid; 4: they leave it open.
    """
    from dragstrip import compare as comparing
    from dragstrip.analyse.regression import Tolerance
    from dragstrip.report import over_time

    then, now = (_stored(run, out) for run in (older, newer))
    metric = metric or now.config["rules"]["metric"]
    found = comparing.compare(
        then,
        now,
        Tolerance(metric, tolerance, error_tolerance),
        target=target,
        force=force,
    )
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        Console(highlight=False).print(over_time.render(found))
    _judge(found)


def _stored(run: str, out: Path) -> Run:
    from dragstrip.run_folder import RunFolder

    return RunFolder(Path(run) if Path(run).is_dir() else out / run).read_run()


def _judge(found: Regression) -> None:
    if found.verdict == "regression":
        raise RequirementNotMet(f"{found.target} has regressed: {found.reason}")
    if found.verdict == "inconclusive":
        needed = found.slices_needed
        raise Undecided(
            f"{found.target}: {found.reason}",
            fix=f"race twice with --pairs {needed}" if needed else "no number of pairs settles it",
        )
