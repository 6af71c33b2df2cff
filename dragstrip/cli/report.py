"""`dragstrip report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from dragstrip.cli.options import output_format, runs_folder
from dragstrip.cli.requirement import judge, requirement

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.analysis.verdict import Requirement


@click.command()
@click.argument("run")
@runs_folder
@output_format("terminal", "html", "markdown", "svg", "junit")
@requirement("Exit as the race would have with it; Markdown and JUnit XML say so, too.")
def report(run: str, out: Path, form: str, require: Requirement | None) -> None:
    """Show a stored run again. RUN is a folder, an id under --out, or "latest"."""
    from dragstrip.race.race import conclude
    from dragstrip.report import svg, terminal
    from dragstrip.report import write as outputs
    from dragstrip.report.html import render
    from dragstrip.run import folder as run_folder

    folder = run_folder.find(run, out)
    stored = folder.read_run()
    # A killed race left no totals; what it recorded is there all the same.
    shown, verdict = conclude(folder, stored, interrupted=stored.interrupted)
    if form == "markdown":
        click.echo(outputs.as_markdown(shown, verdict, require), nl=False)
    elif form == "html":
        click.echo(render.render(shown, verdict), nl=False)
    elif form == "svg":
        click.echo(svg.render(shown, verdict))
    elif form == "junit":
        click.echo(outputs.as_junit(shown, verdict, require), nl=False)
    else:
        Console(highlight=False).print(terminal.render(shown, verdict))
    if require:
        judge(verdict, require, outputs.rules_of(shown))
