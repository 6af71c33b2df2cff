"""`dragstrip history`: the stored runs, and how a target's quantile moved over them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from rich.console import Console

from dragstrip.cli.options import examples, runs_folder, verbose
from dragstrip.cli.options import metric as drawn_metric
from dragstrip.errors import StorageError

if TYPE_CHECKING:
    from dragstrip.analysis.history import History
    from dragstrip.config.config import Metric

_PLAIN_WIDTH = 120
"""Columns where there is no terminal, so that a file does not depend on a window."""


@click.command(
    epilog=examples(
        "dragstrip history --last 10",
        "dragstrip history --html runs/history.html",
        "dragstrip history --target supabase --metric p99 --json",
    )
)
@runs_folder
@click.option("--target", metavar="NAME", help="Target to draw; by default the newest baseline.")
@drawn_metric("Quantile to draw; by default the newest run's rules.metric.")
@click.option("--last", type=click.IntRange(1), metavar="N", help="Look at the newest N runs only.")
@click.option("--json", "as_json", is_flag=True, help="Print the history as JSON.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write every verdict and the trend of both targets to FILE, and print nothing else.",
)
@verbose
def history(
    out: Path,
    target: str | None,
    metric: Metric | None,
    last: int | None,
    as_json: bool,
    page: Path | None,
    verbose: bool,
) -> None:
    """List the stored runs, and draw how one target's quantile moved over them.

    Runs that were made under other conditions than the newest are marked with *.
    """
    from dragstrip.analysis.stored_runs import read
    from dragstrip.report import history as report

    found = read(out, target=target, metric=metric, last=last)
    if page:
        _write(page, out, found, last)
        return
    if as_json:
        click.echo(found.model_dump_json(indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PLAIN_WIDTH)
    console.print(report.render(found, verbose=verbose))


def _write(page: Path, out: Path, found: History, last: int | None) -> None:
    from dragstrip import atomic_file
    from dragstrip.analysis import stored_searches
    from dragstrip.analysis.stored_runs import read
    from dragstrip.report.html import history as html
    from dragstrip.run.folder import SEARCHES

    names = {name for one in found.runs[-1:] for name in (one.baseline, one.challenger)}
    others = sorted(names - {found.target})
    sides = [
        found,
        *(read(out, target=name, metric=found.metric, last=last) for name in others[:1]),
    ]
    searches = list(stored_searches.all_in(out))
    places = {one.run: out / one.run for one in found.runs}
    places |= {one.id: out / SEARCHES / one.id for one in searches}
    text = html.render(sides, searches, _links(page, places))
    try:
        atomic_file.write(page, text)
    except OSError as error:
        raise StorageError(f"cannot write {page}: {error.strerror}", fix="correct --html") from None
    click.echo(f"history: {page}")


def _links(page: Path, places: dict[str, Path]) -> dict[str, str]:
    """Return where the reports are that exist, as seen from the page."""
    from dragstrip.report.exporters import PAGE

    start = page.absolute().parent
    return {
        name: quote(Path(os.path.relpath(path.absolute() / PAGE, start)).as_posix())
        for name, path in places.items()
        if (path / PAGE).exists()
    }
