"""`dragstrip compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from dragstrip.cli.options import Number, examples, output_format, runs_folder, verbose
from dragstrip.cli.options import metric as compared_metric
from dragstrip.cli.output import write_document
from dragstrip.errors import RequirementNotMet, Undecided

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.analysis.regression_model import Regression
    from dragstrip.config.config import Metric


@click.command(
    epilog=examples(
        "dragstrip compare 20260102T030405Z-abcd latest",
        "dragstrip compare runs/main runs/branch --tolerance 1.05 --format markdown",
    )
)
@click.argument("older")
@click.argument("newer")
@runs_folder
@click.option("--target", metavar="NAME", help="Target to compare; by default the baseline.")
@compared_metric("Quantile to compare; by default the newer run's rules.metric.")
@click.option(
    "--tolerance",
    type=Number(1, 1000),
    default=1.1,
    show_default=True,
    metavar="RATIO",
    help="Allowed slowdown as a ratio (1.1 = 10 % slower).",
)
@click.option(
    "--error-tolerance",
    type=Number(0, 1),
    default=0.001,
    show_default=True,
    metavar="SHARE",
    help="Allowed increase of the share of failed requests (0.001 = 0.1 %).",
)
@click.option("--force", is_flag=True, help="Compare unlike runs too, and say what differs.")
@output_format("terminal", "markdown", "html")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@verbose
def compare(
    older: str,
    newer: str,
    out: Path,
    target: str | None,
    metric: Metric | None,
    tolerance: float,
    error_tolerance: float,
    force: bool,
    form: str,
    as_json: bool,
    verbose: bool,
) -> None:
    """Tell whether one target became slower from the OLDER run to the NEWER.

    Each is a folder, an id under --out, or "latest". Exit code 0: no regression; 1: a regression;
    2: the runs cannot be compared; 3: one of them is invalid; 4: they leave it open.
    """
    from dragstrip.analysis import calibration
    from dragstrip.analysis import compare as comparing
    from dragstrip.analysis.regression import Tolerance
    from dragstrip.report import comparison
    from dragstrip.report.html import comparison as page
    from dragstrip.run import folder

    then, now = (folder.find(run, out).read_run() for run in (older, newer))
    metric = metric or now.config["rules"]["metric"]
    found = comparing.compare(
        then,
        now,
        Tolerance(metric, tolerance, error_tolerance),
        target=target,
        force=force,
        known=calibration.read(),
    )
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    elif form == "markdown":
        click.echo(comparison.markdown(found), nl=False)
    elif form == "html":
        write_document(page.render(found))
    else:
        Console(highlight=False).print(comparison.render(found, verbose=verbose))
    _judge(found)


def _judge(found: Regression) -> None:
    if found.verdict == "regression":
        raise RequirementNotMet(f"{found.target} has regressed: {found.reason}")
    if found.verdict == "inconclusive":
        needed = found.slices_needed
        raise Undecided(
            f"{found.target}: {found.reason}",
            fix=f"race twice with --pairs {needed}" if needed else "no number of pairs settles it",
        )
