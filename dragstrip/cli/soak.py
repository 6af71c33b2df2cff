"""`dragstrip soak`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from dragstrip.cli.endpoint_options import (
    EndpointOptions,
    endpoint_options,
    rehearse,
    require_consent,
)
from dragstrip.cli.options import config_file, examples, own_data, runs_folder, verbose
from dragstrip.config import config as configuration
from dragstrip.config import presets
from dragstrip.errors import InvalidRun, RequirementNotMet, Undecided

if TYPE_CHECKING:
    from pathlib import Path

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}
_WARMUP = 0.1
"""Of a window, unless race.warmup is shorter."""


class Duration(click.ParamType[float]):
    """Seconds, or a number with s, m or h."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds, or fail."""
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", str(value))
        seconds = float(found[1]) * _UNITS_S[found[2]] if found else 0.0
        if not seconds:
            self.fail(f"{value!r} is no time, such as 90s, 30m or 2h", param, ctx)
        return seconds


@click.command(
    epilog=examples(
        "dragstrip soak --for 2h --rate 50",
        "dragstrip soak http://old.test/who http://new.test/who --for 8h --rate 20",
        "dragstrip soak --for 30m --window 30s --only convex --require steady",
    )
)
@click.argument("targets", nargs=-1, metavar="[BASELINE CHALLENGER]")
@config_file
@click.option("--scenario", metavar="NAME", help="What is asked; as for `dragstrip race`.")
@runs_folder
@click.option("--for", "length_s", type=Duration(), required=True, metavar="TIME", help="How long.")
@click.option(
    "--window",
    "window_s",
    type=Duration(),
    default="1m",
    show_default=True,
    metavar="TIME",
    help="Length of a window, of which the figures are followed.",
)
@click.option("--rate", type=float, metavar="PER_S", help="Arrivals per second.")
@click.option("--only", metavar="NAME", help="Soak this target alone; by default both in turn.")
@own_data
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Repeat a soak's arrivals.")
@click.option("--keep-lab", is_flag=True, help="Leave the embedded lab up afterwards.")
@click.option(
    "--require",
    type=click.Choice(["steady"]),
    help="Exit with 1 where a target degrades, with 4 when it is open.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what is stored as JSON.")
@endpoint_options
@verbose
def soak(
    targets: tuple[str, ...],
    path: Path | None,
    scenario: str | None,
    out: Path,
    length_s: float,
    window_s: float,
    rate: float | None,
    only: str | None,
    keys_file: Path | None,
    workspace_id: str | None,
    seed: int | None,
    keep_lab: bool,
    require: str | None,
    as_json: bool,
    endpoint: EndpointOptions,
    verbose: bool,
) -> int:
    """Ask two targets, or one, at one rate for hours, and find whether they degrade.

    Quantiles, errors and connections of each window are tested for a trend. Targets are named as
    for `dragstrip race`.
    """
    from dragstrip.live.console import ProgressLines
    from dragstrip.race.setup import Options
    from dragstrip.report import soak as words
    from dragstrip.report import soak_exporters
    from dragstrip.soak import soak as soaking

    document = configuration.read_document(path)
    sections: dict[str, dict[str, Any]] = {
        "dataset": {"keys_file": keys_file, "workspace_id": workspace_id},
        **endpoint.sections(targets, document, scenario),
    }
    race = configuration.section_of(document, "race")
    given: dict[str, Any] = {
        "slice": window_s,
        "warmup": min(race.get("warmup", window_s), _WARMUP * window_s),
        "rate": rate,
    }
    config = presets.load(os.environ, path, None, given, sections, document)
    rehearsed = rehearse(config, endpoint)
    if rehearsed is not None:
        return rehearsed
    options = Options(out=out, seed=seed, keep_lab=keep_lab)
    settings = soaking.SoakSettings(length_s, only, options)
    prepared = soaking.prepare(config, settings)
    if not endpoint.yes and not prepared.config.uses_lab:
        require_consent(prepared.config, f"soak sends {prepared.outlook()}")
    progress = ProgressLines(Console(stderr=True, highlight=False))
    progress.say(f"soak: {prepared.outlook()}")
    found = soaking.measure(prepared, settings, progress)
    page = soak_exporters.store(found.folder, found.soak)
    if as_json:
        click.echo(found.soak.model_dump_json(indent=2))
    else:
        Console(highlight=False).print(words.render(found.soak, verbose=verbose))
        click.echo(f"report: {page}")
    if found.soak.verdict == "invalid":
        raise InvalidRun(f"invalid: {found.soak.reason}", fix=words.fix_of(found.soak))
    if require and found.soak.verdict == "inconclusive":
        raise Undecided(f"--require steady: {found.soak.reason}", fix="soak for longer")
    if require and found.soak.verdict == "degrades":
        raise RequirementNotMet(f"--require steady is not met: {found.soak.reason}")
    return 0
