"""`dragstrip calibrate`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click
from rich.console import Console

from dragstrip.cli.options import config_file, examples, verbose
from dragstrip.config import config as configuration

if TYPE_CHECKING:
    from pathlib import Path


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
@click.option(
    "--target", metavar="NAME", help="Target to race with itself; by default the baseline."
)
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

    First how many requests per second one process sends on time; then how often, and how far, two
    sides are told apart that are the same target. Leave the machine alone meanwhile.
    """
    from dragstrip.calibrate import calibrate as calibrating
    from dragstrip.live.console import ProgressLines
    from dragstrip.report import calibration as trust

    config = configuration.load(os.environ, path, {"race": {"rate": rate}})
    settings = calibrating.CalibrationSettings(
        runs=runs, pairs=pairs, target=target, slice_s=slice_s
    )
    made = calibrating.calibrate(
        config, settings, ProgressLines(Console(stderr=True, highlight=False))
    )
    if as_json:
        click.echo(made.model_dump_json(indent=2))
    else:
        Console(highlight=False).print(trust.render(made, verbose=verbose))
