"""`dragstrip report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import click
from rich.console import Console

from dragstrip.analysis.rule_checks import rules_of
from dragstrip.cli import output
from dragstrip.cli.options import examples, output_format, runs_folder, verbose
from dragstrip.cli.requirement import judge, requirement
from dragstrip.errors import UsageError
from dragstrip.report.exporters import EXPORTERS, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType

    from dragstrip.analysis.capacity_model import Capacity
    from dragstrip.analysis.soak_model import Soak
    from dragstrip.analysis.verdict import Requirement

Found = TypeVar("Found", "Capacity", "Soak")


@click.command(
    epilog=examples(
        "dragstrip report latest", "dragstrip report latest --format markdown --require slo"
    )
)
@click.argument("run")
@runs_folder
@output_format("terminal", *EXPORTERS)
@requirement("Exit as the race would have with it; Markdown and JUnit XML say so, too.")
@verbose
def report(run: str, out: Path, form: str, require: Requirement | None, verbose: bool) -> None:
    """Show a stored run again. RUN is a folder, an id under --out, or "latest"."""
    from dragstrip.race.monitor import conclude
    from dragstrip.report import capacity, capacity_exporters, soak, soak_exporters, terminal
    from dragstrip.run import folder as run_folder

    folder = run_folder.find(run, out)
    if searched := capacity_exporters.read(folder):
        _show(searched, capacity, capacity_exporters.EXPORTERS, form, require, verbose=verbose)
        return
    if soaked := soak_exporters.read(folder):
        _show(soaked, soak, soak_exporters.EXPORTERS, form, require, verbose=verbose)
        return
    stored = folder.read_run()
    # A killed race left no totals; what it recorded is there all the same.
    shown, verdict = conclude(folder, stored, interrupted=stored.interrupted)
    if form in EXPORTERS:
        output.write_document(EXPORTERS[form].render(shown, verdict, require, folder))
    else:
        Console(highlight=False).print(terminal.render(shown, verdict, verbose=verbose))
        page = page_of(folder)
        click.echo(f"report: {page}" if page.exists() else f"stored in {folder.path}")
    if require:
        judge(verdict, require, rules_of(shown))


def _show(
    found: Found,
    words: ModuleType,
    exporters: Mapping[str, Callable[[Found], str]],
    form: str,
    require: Requirement | None,
    *,
    verbose: bool,
) -> None:
    if require or form not in {"terminal", *exporters}:
        what = f"--require {require}" if require else f"--format {form}"
        raise UsageError(f"{what} is for races; {found.id} is none", fix="leave it out")
    if form == "terminal":
        Console(highlight=False).print(words.render(found, verbose=verbose))
    else:
        output.write_document(exporters[form](found))
