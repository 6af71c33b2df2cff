"""`dragstrip race`."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from dragstrip.cli.endpoint_options import (
    EndpointOptions,
    default_preset,
    endpoint_options,
    rehearse,
    settled,
)
from dragstrip.cli.length_options import length_options, with_length
from dragstrip.cli.options import (
    Number,
    config_file,
    examples,
    load_profile,
    option_group,
    own_data,
    runs_folder,
    verbose,
)
from dragstrip.cli.requirement import judge, requirement
from dragstrip.cli.web_options import web_address, web_ui
from dragstrip.cli.wire_options import add_tls_files, wire_options
from dragstrip.config import config as configuration
from dragstrip.config import presets
from dragstrip.config.presets import PRESETS, Preset
from dragstrip.errors import UsageError
from dragstrip.redact import register_secret
from dragstrip.run.ipc import (
    DEFAULT_PORT,
    TOKEN_VARIABLE,
    Workers,
    parse_address,
    require_free,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.config.config import Config
    from dragstrip.lab.faults import Fault
    from dragstrip.live.page_server import WebUi
    from dragstrip.race.race import Options, Result


_workers = option_group(
    click.option(
        "--workers",
        type=click.IntRange(1, 1000),
        metavar="N",
        help="Instead of --processes: as many `dragstrip worker` processes, started elsewhere.",
    ),
    click.option(
        "--bind",
        default="127.0.0.1",
        show_default=True,
        metavar="HOST[:PORT]",
        help=f"Address on which workers find this race; by default port {DEFAULT_PORT}.",
    ),
    click.option(
        "--worker-wait",
        type=Number(min=0, max=86_400),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for the workers.",
    ),
)


_web = click.option("--web", is_flag=True, help="Start the race in a browser, and watch it there.")


@click.command(
    epilog=examples(
        "dragstrip race --quick",
        "dragstrip race 'http://old.test/{id}' 'http://new.test/{id}' --data ids.csv",
        "dragstrip race http://old.test http://new.test --scenario shop.py:Checkout",
    )
)
@click.argument("targets", nargs=-1, metavar="[BASELINE CHALLENGER]")
@config_file
@click.option(
    "--scenario",
    metavar="NAME",
    help="What to race: lookup, inbound-message, conversation, endpoint, or path/to/file.py:Class; "
    "see docs/scenarios.md.",
)
@runs_folder
@click.option(
    "--preset",
    type=click.Choice(list(PRESETS)),
    help="quick: about a minute; standard: 20 minutes; thorough: 80. See docs/configuration.md.",
)
@click.option("--quick", is_flag=True, help="The same as --preset quick.")
@click.option("--pairs", type=int, metavar="N", help="Pairs of slices.")
@click.option("--slice", "slice_s", type=float, metavar="SECONDS", help="Length of a slice.")
@length_options
@click.option(
    "--warmup", type=float, metavar="SECONDS", help="Start of each slice that does not count."
)
@click.option(
    "--rate", type=float, metavar="PER_S", help="Arrivals per second and target; 0: closed model."
)
@load_profile
@click.option("--keys", metavar="HOW", help="uniform, sequential, once, zipf:S or hot:N.")
@click.option(
    "--miss",
    type=float,
    metavar="SHARE",
    help="Share of requests whose phone number no contact has.",
)
@own_data
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Repeat a run's arrivals.")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="Locust processes that make the load.",
)
@_workers
@click.option(
    "--metrics-port",
    type=int,
    metavar="N",
    help="Serve metrics for Prometheus here while the race runs.",
)
@_web
@web_address
@click.option(
    "--otel",
    is_flag=True,
    default=None,
    help="Let Locust export each request by OpenTelemetry; OTEL_* variables say where to.",
)
@requirement("Exit with 1 unless the verdict is this, with 4 when it is open.")
@click.option(
    "--summary/--no-summary",
    default=True,
    show_default=True,
    help="Append the report to the file in GITHUB_STEP_SUMMARY.",
)
@click.option("--keep-writes", is_flag=True, help="Leave the messages that the race has sent.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:SERVICE@Ts",
    help="Embedded lab only: kill, stop or cut off a service, such as kill:convex@30s.",
)
@click.option("--keep-lab", is_flag=True, help="Leave the embedded lab up afterwards.")
@endpoint_options
@wire_options
@verbose
def race(
    targets: tuple[str, ...],
    path: Path | None,
    scenario: str | None,
    out: Path,
    preset: Preset | None,
    quick: bool,
    pairs: int | None,
    slice_s: float | None,
    for_: str | None,
    stop_when_decided: bool,
    warmup: float | None,
    rate: float | None,
    profile: str | None,
    keys: str | None,
    miss: float | None,
    keys_file: Path | None,
    workspace_id: str | None,
    seed: int | None,
    processes: int,
    workers: int | None,
    bind: str,
    worker_wait: float,
    metrics_port: int | None,
    web: bool,
    web_host: str,
    web_port: int,
    otel: bool | None,
    require: Requirement | None,
    summary: bool,
    keep_writes: bool,
    faults: tuple[str, ...],
    keep_lab: bool,
    endpoint: EndpointOptions,
    protocol: str | None,
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    verbose: bool,
) -> int:
    """Compare two targets under the same load, and say what the comparison is worth.

    BASELINE and CHALLENGER are addresses, as URL or NAME=URL: what is asked, or with --scenario
    where a scenario asks. Without them the configured targets race, or the embedded lab's.
    """
    from dragstrip.race import race as racing
    from dragstrip.report import exporters

    given = {
        "pairs": pairs,
        "slice": slice_s,
        "warmup": warmup,
        "rate": rate,
        "profile": profile,
        "keys": keys,
        "miss": miss,
        "metrics_port": metrics_port,
        "otel": otel,
        "protocol": protocol,
    }
    document = configuration.read_document(path)
    own = {"keys_file": keys_file, "workspace_id": workspace_id}
    sections: dict[str, dict[str, Any]] = {
        "dataset": own,
        **endpoint.sections(targets, document, scenario),
    }
    if keep_writes:
        sections["scenario"] = sections.get("scenario", {}) | {"keep_writes": True}
    files = {"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
    add_tls_files(sections, files)
    chosen = default_preset(_preset(preset, quick), given, sections, document)
    config = presets.load(os.environ, path, chosen, given, sections, document)
    config = with_length(config, for_, pairs=pairs, stop_when_decided=stop_when_decided)
    rehearsed = rehearse(config, endpoint)
    if rehearsed is not None:
        return rehearsed
    config = settled(config, config.race.rate if profile else rate, document, endpoint)
    elsewhere = _elsewhere(workers, bind, worker_wait, processes, config)
    options = racing.Options(
        out=out,
        processes=workers or processes,
        seed=seed,
        keep_lab=keep_lab,
        faults=_parsed(faults),
        workers=elsewhere,
        web=_web_ui(web_host, web_port, config) if web else None,
    )

    def tell(result: Result) -> None:
        try:
            page = exporters.store(result.folder, result.run, result.verdict, require)
        finally:
            # What cannot be stored as a report is shown all the same.
            _show(result, verbose=verbose)
        click.echo(f"report: {page}")
        if summary:
            _summarise(result, require)

    result = _race(config, options, tell)
    if result.unfinished == "interrupted":
        raise KeyboardInterrupt
    judge(result.verdict, require, config.rules)
    return 0


def _parsed(texts: Sequence[str]) -> list[Fault]:
    if not texts:
        return []
    # With all of the lab.
    from dragstrip.lab.faults import parse

    return list(map(parse, texts))


def _elsewhere(
    workers: int | None, bind: str, wait_s: float, processes: int, config: Config
) -> Workers | None:
    if workers is None:
        return None
    if processes > 1:
        raise UsageError("--workers and --processes exclude each other", fix="give one of them")
    if workers > config.race.connections:
        raise UsageError(
            f"--workers {workers} exceeds race.connections ({config.race.connections})",
            fix="raise race.connections: every worker needs one connection",
        )
    place = require_free(parse_address(bind, "--bind"))
    return Workers(workers, place, _token(config), wait_s)


def _token(config: Config) -> str:
    given = config.environment.dragstrip_worker_token
    if given:
        return given.get_secret_value()
    drawn = secrets.token_urlsafe(24)
    register_secret(drawn)
    # Once, and for whoever starts the workers: it stands in no file.
    click.echo(f"workers need {TOKEN_VARIABLE}={drawn}", err=True)
    return drawn


def _web_ui(host: str, port: int, config: Config) -> WebUi:
    if config.race.metrics_port is not None:
        raise UsageError(
            "--web and race.metrics_port exclude each other",
            fix="give one of them: with --web the race's plan may still change",
        )
    return web_ui(host, port, config.environment)


def _preset(preset: Preset | None, quick: bool) -> Preset | None:
    if quick and preset not in {None, "quick"}:
        raise UsageError(
            f"--quick and --preset {preset} exclude each other", fix="give one of them"
        )
    return "quick" if quick else preset


def _race(config: Config, options: Options, tell: Callable[[Result], None]) -> Result:
    """Race, and tell of the result once; while a web UI is still up, if there is one."""
    from dragstrip.live.console import screen_on
    from dragstrip.race import race as racing

    told: list[Result] = []
    with screen_on(Console(stderr=True, highlight=False)) as screen:

        def tell_at_once(result: Result) -> None:
            screen.close()
            tell(result)
            told.append(result)

        result = racing.race(config, options, screen, tell_at_once)
    if not told:
        tell(result)
    return result


def _show(result: Result, *, verbose: bool) -> None:
    from dragstrip.report import terminal

    console = Console(highlight=False)
    console.print(terminal.render(result.run, result.verdict, verbose=verbose))
    if verbose:
        console.print(f"stored in {result.folder.path}", markup=False, soft_wrap=True)
    if result.unfinished not in {"", "interrupted"}:
        click.echo(f"Locust ended early:\n{result.unfinished}", err=True)


def _summarise(result: Result, require: Requirement | None) -> None:
    from dragstrip.cli import github_summary
    from dragstrip.report import markdown

    text = markdown.render(result.run, result.verdict, require)
    problem = github_summary.append(os.environ, text)
    if problem:
        # The run is stored and valid even without its summary.
        click.echo(f"warning: {problem}", err=True)
