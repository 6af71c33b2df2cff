"""`dragstrip race` and `dragstrip report`."""

from __future__ import annotations

import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, get_args

import click
from rich.console import Console

from dragstrip.analysis.conditions import fix_of
from dragstrip.analysis.verdict import Requirement
from dragstrip.cli.options import config_file, keys_file, runs_folder, workspace
from dragstrip.config import presets
from dragstrip.config.presets import PRESETS, Preset
from dragstrip.config.target_pair import target_pair
from dragstrip.errors import InvalidRun, RequirementNotMet, Undecided, UsageError
from dragstrip.run.ipc import DEFAULT_PORT, Address, Workers, parse_address, require_free

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.config.config import Config, RulesConfig
    from dragstrip.live.web_exchange import WebUi
    from dragstrip.race.race import Options, Result
    from dragstrip.run.model import Verdict

_REQUIREMENTS = get_args(Requirement)


def _workers(command: Callable[..., int]) -> Callable[..., int]:
    options = (
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
            help=f"Where workers find this race; the port is {DEFAULT_PORT} unless given.",
        ),
        click.option(
            "--worker-wait",
            type=click.FloatRange(min=0, max=86_400),
            default=60.0,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the workers.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _web(command: Callable[..., int]) -> Callable[..., int]:
    options = (
        click.option(
            "--web", is_flag=True, help="Start the race from Locust's web UI, and watch it there."
        ),
        click.option(
            "--web-host",
            default="127.0.0.1",
            show_default=True,
            metavar="HOST",
            help="Where the web UI listens; elsewhere, DRAGSTRIP_WEB_PASSWORD must be set.",
        ),
        click.option(
            "--web-port",
            type=click.IntRange(1, 65_535),
            default=8089,
            show_default=True,
            metavar="N",
            help="The web UI's port.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.argument("targets", nargs=-1, metavar="[BASELINE CHALLENGER]")
@config_file
@click.option(
    "--scenario",
    metavar="NAME",
    help="What to race: lookup, or path/to/file.py:Class; see docs/scenarios.md.",
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
@click.option(
    "--rate", type=float, metavar="PER_S", help="Arrivals per second and target; 0: closed model."
)
@click.option("--keys", metavar="HOW", help="uniform, zipf:S or hot:N.")
@click.option("--miss", type=float, metavar="SHARE", help="Share of lookups that find nobody.")
@keys_file
@workspace
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
@click.option(
    "--otel",
    is_flag=True,
    default=None,
    help="Let Locust export each lookup by OpenTelemetry; OTEL_* variables say where to.",
)
@click.option(
    "--require",
    type=click.Choice(_REQUIREMENTS),
    help="Exit with 1 unless the verdict is this, with 4 when it is open.",
)
@click.option(
    "--summary/--no-summary",
    default=True,
    show_default=True,
    help="Append to GitHub's job summary where GITHUB_STEP_SUMMARY names one.",
)
@click.option("--keep-lab", is_flag=True, help="Leave the embedded lab up afterwards.")
def race(
    targets: tuple[str, ...],
    path: Path | None,
    scenario: str | None,
    out: Path,
    preset: Preset | None,
    quick: bool,
    pairs: int | None,
    slice_s: float | None,
    rate: float | None,
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
    keep_lab: bool,
) -> int:
    """Compare two targets under the same load, and say what the comparison is worth.

    BASELINE and CHALLENGER are addresses, as URL or NAME=URL, for a scenario that asks plain HTTP
    servers; without them the configured targets race, or the embedded lab's.
    """
    from dragstrip.race import race as racing
    from dragstrip.report import write

    given = {
        "pairs": pairs,
        "slice": slice_s,
        "rate": rate,
        "keys": keys,
        "miss": miss,
        "metrics_port": metrics_port,
        "otel": otel,
    }
    own = {"keys_file": keys_file, "workspace_id": workspace_id}
    sections: dict[str, dict[str, Any]] = {
        "dataset": own,
        "scenario": {"name": scenario},
        **target_pair(targets),
    }
    config = presets.load(os.environ, path, _preset(preset, quick), given, sections)
    elsewhere = _elsewhere(workers, bind, worker_wait, processes, config)
    options = racing.Options(
        out=out,
        processes=workers or processes,
        seed=seed,
        keep_lab=keep_lab,
        workers=elsewhere,
        web=_web_ui(web_host, web_port, config) if web else None,
    )

    def tell(result: Result) -> None:
        try:
            page = write.store(result.folder, result.run, result.verdict, require)
        finally:
            # What cannot be stored as a report is shown all the same.
            _show(result.folder.path, result)
        click.echo(f"report: {page}")
        if summary:
            _summarise(result, require)

    result = _race(config, options, tell)
    if result.unfinished == "interrupted":
        raise KeyboardInterrupt
    _judge(result.verdict, require, config.rules)
    return 0


@click.command()
@click.argument("run")
@runs_folder
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "html", "markdown", "svg", "junit"]),
    default="terminal",
    show_default=True,
)
@click.option(
    "--require",
    type=click.Choice(_REQUIREMENTS),
    help="Exit as the race would have with it; Markdown and JUnit XML say so, too.",
)
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
        _judge(verdict, require, outputs.rules_of(shown))


def _elsewhere(
    workers: int | None, bind: str, wait_s: float, processes: int, config: Config
) -> Workers | None:
    if workers is None:
        return None
    if processes > 1:
        raise UsageError("--workers and --processes exclude each other", fix="give one of them")
    if workers > config.race.users:
        raise UsageError(
            f"--workers {workers} exceeds race.users ({config.race.users})",
            fix="every worker needs a connection of its own: raise race.users",
        )
    return Workers(workers, require_free(parse_address(bind, "--bind")), wait_s)


def _web_ui(host: str, port: int, config: Config) -> WebUi:
    from dragstrip.live.web_exchange import PASSWORD_VARIABLE, WebUi

    if config.race.metrics_port is not None:
        raise UsageError(
            "--web and race.metrics_port exclude each other",
            fix="give one of them: with --web the race's plan may still change",
        )
    secret = config.environment.dragstrip_web_password
    address = require_free(Address(host, port), "--web-host, --web-port")
    if secret is None and not ip_address(address.host).is_loopback:
        raise UsageError(
            f"--web-host {host}: whoever reaches the web UI can start load",
            fix=f"set {PASSWORD_VARIABLE}, or leave it on 127.0.0.1",
        )
    return WebUi(address.host, port, secret.get_secret_value() if secret else None)


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


def _show(folder: Path, result: Result) -> None:
    from dragstrip.report import terminal

    console = Console(highlight=False)
    console.print(terminal.render(result.run, result.verdict))
    console.print(f"stored in {folder}", markup=False, soft_wrap=True)
    if result.unfinished not in {"", "interrupted"}:
        click.echo(f"Locust ended early:\n{result.unfinished}", err=True)


def _summarise(result: Result, require: Requirement | None) -> None:
    from dragstrip.cli import github_summary
    from dragstrip.report import write as outputs

    text = outputs.as_markdown(result.run, result.verdict, require)
    problem = github_summary.append(os.environ, text)
    if problem:
        # The run is stored and stands, whoever reads a summary of it.
        click.echo(f"warning: {problem}", err=True)


def _judge(verdict: Verdict, require: Requirement | None, rules: RulesConfig) -> None:
    from dragstrip.analysis.verdict import meets

    if verdict.verdict == "invalid":
        first = next(gate.name for gate in verdict.gates if not gate.passed)
        raise InvalidRun(f"invalid: {verdict.reason}", fix=fix_of(first))
    met = meets(verdict, require, rules) if require else True
    if met is None and require == "slo":
        raise Undecided(
            f"--require slo: {verdict.challenger} may keep slo_ms = {rules.slo_ms:g} or miss it",
            fix="more pairs or longer slices narrow its interval",
        )
    if met is None:
        needed = verdict.pairs_needed
        raise Undecided(
            f"--require {require}: the run is inconclusive",
            fix=f"run with --pairs {needed}" if needed else "no number of pairs settles it",
        )
    if not met:
        found = f"the verdict is {verdict.verdict}"
        if require == "slo":
            found = f"{verdict.challenger} misses slo_ms = {rules.slo_ms:g}"
        raise RequirementNotMet(f"--require {require} is not met: {found}")
