"""`dragstrip history`: the stored runs, and how a target's quantile moved over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from dragstrip.cli.options import metric as drawn_metric
from dragstrip.cli.options import runs_folder

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Metric

_PLAIN_WIDTH = 120
"""Columns where there is no terminal: nobody's window is to decide how a file looks."""


@click.command()
@runs_folder
@click.option("--target", metavar="NAME", help="Target to draw; by default the newest baseline.")
@drawn_metric("Quantile to draw; by default the newest run's rules.metric.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Look at the newest N runs only.")
@click.option("--json", "as_json", is_flag=True, help="Print the history as JSON.")
def history(
    out: Path, target: str | None, metric: Metric | None, last: int | None, as_json: bool
) -> None:
    """List the stored runs, and draw how one target's quantile moved over them.

    Runs that were made under other conditions than the newest are marked with *.
    """
    from dragstrip.analysis.stored_runs import read
    from dragstrip.report import history as report

    found = read(out, target=target, metric=metric, last=last)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(report.render(found))
