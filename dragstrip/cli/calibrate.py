"""`dragstrip calibrate` and `dragstrip compare`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, get_args

import click
from rich.console import Console

from dragstrip.cli.options import config_file, examples, runs_folder, verbose
from dragstrip.config import config as configuration
from dragstrip.config.config import Metric
from dragstrip.errors import RequirementNotMet, Undecided

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dragstrip.analysis.regression_model import Regression
    from dragstrip.live.follow import State
    from dragstrip.run.model import Run
    from seeding.progress import Reporter


@click.command(epilog=examples("dragstrip calibrate", "dragstrip calibrate --runs 0"))
@config_file
@click.option(
    "--runs",
    type=click.IntRange(0, 1000),
    default=6,
    show_default=True,
    metavar="N",
    help="Runs of equal targets; 0 finds the ceiling alone.",
)
@click.option(
    "--pairs",
    type=click.IntRange(6, 1000),
    default=6,
    show_default=True,
    metavar="N",
    help="Pairs of slices in each of these runs; every 6 are judged like a race.",
)
@click.option("--target", metavar="NAME", help="Target to race with itself; the baseline if not.")
@click.option("--rate", type=float, metavar="PER_S", help="Arrivals per second for these runs.")
@click.option("--slice", "slice_s", type=float, metavar="SECONDS", help="Length of their slices.")
@click.option("--json", "as_json", is_flag=True, help="Print what is stored as JSON.")
@verbose
def calibrate(
    path: Path | None,
    runs: int,
    pairs: int,
    target: str | None,
    rate: float | None,
    slice_s: float | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """Find out how far this machine can be trusted, and store it for `race` and `compare`.

    First how many lookups a second one process sends on time; then how often, and how far, two
    sides are told apart that are the same target. Leave the machine alone meanwhile.
    """
    from dragstrip.calibrate import calibrate as calibrating
    from dragstrip.report import calibration as trust

    config = configuration.load(os.environ, path, {"race": {"rate": rate}})
    settings = calibrating.Settings(runs=runs, pairs=pairs, target=target, slice_s=slice_s)
    made = calibrating.calibrate(config, settings, _Lines(Console(stderr=True, highlight=False)))
    if as_json:
        click.echo(made.model_dump_json(indent=2))
    else:
        Console(highlight=False).print(trust.render(made, verbose=verbose))


class _Lines:
    """Progress as lines; how a single race goes on is of no interest here."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def seeding(self) -> AbstractContextManager[Reporter]:
        """Return a reporter for the time of seeding."""
        from seeding.progress import progress_on

        return progress_on(self._console)

    def say(self, line: str) -> None:
        """Report a step in words."""
        self._console.print(line, markup=False, soft_wrap=True)

    def watch(self, state: State, metric: Metric) -> None:
        """Say nothing."""


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
    help="Allowed slowdown as a ratio (1.1 = 10 % slower).",
)
@click.option(
    "--error-tolerance",
    type=click.FloatRange(0, 1),
    default=0.001,
    show_default=True,
    metavar="SHARE",
    help="Allowed increase of the share of failed requests (0.001 = 0.1 %).",
)
@click.option("--force", is_flag=True, help="Compare unlike runs too, and say what differs.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown"]),
    default="terminal",
    show_default=True,
)
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

    then, now = (_stored(run, out) for run in (older, newer))
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
    else:
        Console(highlight=False).print(comparison.render(found, verbose=verbose))
    _judge(found)


def _stored(run: str, out: Path) -> Run:
    from dragstrip.run import folder

    return folder.find(run, out).read_run()


def _judge(found: Regression) -> None:
    if found.verdict == "regression":
        raise RequirementNotMet(f"{found.target} has regressed: {found.reason}")
    if found.verdict == "inconclusive":
        needed = found.slices_needed
        raise Undecided(
            f"{found.target}: {found.reason}",
            fix=f"race twice with --pairs {needed}" if needed else "no number of pairs settles it",
        )
