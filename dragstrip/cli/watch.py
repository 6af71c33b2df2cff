"""`dragstrip watch`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from dragstrip.cli.options import examples, runs_folder
from dragstrip.cli.web_options import showing, wait_for_ctrl_c, web_address, web_ui
from dragstrip.config import config as configuration


@click.command(epilog=examples("dragstrip watch latest", "dragstrip watch latest --web-port 8090"))
@click.argument("run")
@runs_folder
@web_address
def watch(run: str, out: Path, web_host: str, web_port: int) -> None:
    """Show a race in a browser while it runs, and its report when it is over.

    RUN is a folder, an id under --out, or "latest", which goes on to the next race when one begins.
    The page only reads the run's folder: it starts, stops and changes nothing.
    """
    from dragstrip.live.capacity_view import is_search
    from dragstrip.run import folder as run_folder
    from dragstrip.run.folder import RunFolder

    def find() -> RunFolder | None:
        folder = RunFolder(run_folder.find(run, out).path.resolve())
        is_there = (folder.path / run_folder.RUN_FILE).exists() or is_search(folder)
        return folder if is_there or Path(run).name != run_folder.LATEST else None

    ui = web_ui(web_host, web_port, configuration.read_environment(os.environ))
    if (found := find()) is not None:
        found.read_plan()
    with showing(ui, find):
        wait_for_ctrl_c()
