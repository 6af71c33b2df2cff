"""`dragstrip capacity`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from dragstrip.cli.endpoint_options import (
    EndpointOptions,
    endpoint_options,
    rehearse,
    require_consent,
)
from dragstrip.cli.options import (
    Number,
    config_file,
    examples,
    load_profile,
    own_data,
    runs_folder,
    verbose,
)
from dragstrip.cli.web_options import (
    next_search,
    showing,
    wait_for_ctrl_c,
    web_address,
    web_ui,
)
from dragstrip.config import config as configuration
from dragstrip.config import presets
from dragstrip.config.presets import SEARCHES, Preset
from dragstrip.config.profile_text import MOST_PER_S
from dragstrip.errors import InvalidRun

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog=examples(
        "dragstrip capacity --quick",
        "dragstrip capacity http://old.test/search http://new.test/search --to 500",
    )
)
@click.argument("targets", nargs=-1, metavar="[BASELINE CHALLENGER]")
@config_file
@click.option("--scenario", metavar="NAME", help="What is asked; as for `dragstrip race`.")
@runs_folder
@click.option(
    "--preset",
    type=click.Choice(list(SEARCHES)),
    default="standard",
    show_default=True,
    help="quick: about 4 minutes; standard: 16; thorough: 60. See docs/capacity.md.",
)
@click.option("--quick", is_flag=True, help="The same as --preset quick.")
@click.option(
    "--from",
    "lowest",
    type=Number(min=0, min_open=True, max=MOST_PER_S),
    metavar="PER_S",
    help="Lowest rate; by default, the lowest that fills a slice.",
)
@click.option(
    "--to",
    "highest",
    type=Number(min=0, min_open=True, max=MOST_PER_S),
    metavar="PER_S",
    help="Highest rate; by default, what `dragstrip calibrate` found, or 5000.",
)
@click.option(
    "--rounds", type=click.IntRange(6), metavar="N", help="Slices of each target near its edge."
)
@click.option("--slice", "slice_s", type=float, metavar="SECONDS", help="Length of a slice.")
@load_profile
@own_data
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Repeat a search's arrivals.")
@click.option("--keep-lab", is_flag=True, help="Leave the embedded lab up afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print what is stored as JSON.")
@click.option("--web", is_flag=True, help="Show the search in a browser, until Ctrl-C.")
@web_address
@endpoint_options
@verbose
def capacity(
    targets: tuple[str, ...],
    path: Path | None,
    scenario: str | None,
    out: Path,
    preset: Preset,
    quick: bool,
    lowest: float | None,
    highest: float | None,
    rounds: int | None,
    slice_s: float | None,
    profile: str | None,
    keys_file: Path | None,
    workspace_id: str | None,
    seed: int | None,
    keep_lab: bool,
    as_json: bool,
    web: bool,
    web_host: str,
    web_port: int,
    endpoint: EndpointOptions,
    verbose: bool,
) -> int:
    """Find the highest rate that each of two targets carries within the objective.

    The objective is rules.slo_ms for rules.metric, and rules.max_error_rate. Targets are named as
    for `dragstrip race`. The search overloads both targets: give it none that others need.
    """
    from dragstrip.capacity import capacity as searching
    from dragstrip.live.capacity_screen import screen_on
    from dragstrip.race.setup import Options
    from dragstrip.report import capacity as report
    from dragstrip.report import capacity_exporters

    document = configuration.read_document(path)
    sections: dict[str, dict[str, Any]] = {
        "dataset": {"keys_file": keys_file, "workspace_id": workspace_id},
        **endpoint.sections(targets, document, scenario),
    }
    given: dict[str, Any] = {**SEARCHES["quick" if quick else preset], "profile": profile}
    if rounds is not None:
        given["pairs"] = rounds
    if slice_s is not None:
        given |= {"slice": slice_s, "warmup": min(given["warmup"], slice_s / 4)}
    config = presets.load(os.environ, path, None, given, sections, document)
    rehearsed = rehearse(config, endpoint)
    if rehearsed is not None:
        return rehearsed
    ui = web_ui(web_host, web_port, config.environment) if web else None
    settings = searching.Settings(lowest, highest, Options(out=out, seed=seed, keep_lab=keep_lab))
    prepared = searching.prepare(config, settings)
    if not endpoint.yes and not prepared.config.uses_lab:
        require_consent(prepared.config, f"search sends {prepared.outlook()}")
    with showing(ui, next_search(out)):
        with screen_on(Console(stderr=True, highlight=False)) as screen:
            screen.say(f"capacity: {prepared.outlook()}, to each target")
            found = searching.measure(prepared, settings, screen)
        page = capacity_exporters.store(found.folder, found.capacity)
        if as_json:
            click.echo(found.capacity.model_dump_json(indent=2))
        else:
            Console(highlight=False).print(report.render(found.capacity, verbose=verbose))
            click.echo(f"report: {page}")
        if ui:
            wait_for_ctrl_c()
    if found.capacity.verdict == "invalid":
        raise InvalidRun(f"invalid: {found.capacity.reason}", fix=report.fix_of(found.capacity))
    return 0
