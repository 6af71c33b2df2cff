"""`dragstrip lab`: the embedded backends on the command line."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from dragstrip.cli import output
from dragstrip.cli.options import examples
from dragstrip.errors import LabError, UsageError
from dragstrip.lab import credentials, lifecycle, logs
from dragstrip.lab.install import install as install_packages
from dragstrip.lab.paths import HOME_VARIABLE, Home
from dragstrip.lab.ports import DEFAULTS
from dragstrip.lab.services import NAMES

if TYPE_CHECKING:
    from dragstrip.lab.state import LabState

NOT_UP_CODE = 2
_LOG_NAMES = (*NAMES, "supervisor")


@click.group(
    epilog=examples("dragstrip lab up", 'eval "$(dragstrip lab env)"', "dragstrip lab down")
)
@click.option(
    "--home",
    # Whether it can be used is found out, and said, by the commands.
    type=click.Path(path_type=Path, readable=False),
    help=f"The lab's folder; otherwise ${HOME_VARIABLE}, or `lab` in dragstrip's own folder.",
)
@click.pass_context
def lab(ctx: click.Context, home: Path | None) -> None:
    """Start, stop and inspect the embedded backends.

    What is measured in the lab describes these stand-ins, not the services they stand for.
    """
    ctx.obj = home


@lab.command(epilog=examples("dragstrip lab up", "dragstrip lab up --port next=3005"))
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="NAME=PORT",
    help=f"Port for one of: {', '.join(DEFAULTS)}.",
)
@click.option(
    "--with-parent",
    is_flag=True,
    help="Stop the lab when the process that called this command ends.",
)
@click.pass_obj
def up(home: Path | None, ports: tuple[str, ...], *, with_parent: bool) -> None:
    """Start the lab, unless it is up, and wait until every service is healthy."""
    known = lifecycle.up(
        home,
        reporter=_report,
        owner_pid=os.getppid() if with_parent else None,
        forced_ports=_parse_ports(ports),
    )
    for name, port in known.ports.items():
        click.echo(f"{name:<12} 127.0.0.1:{port}", err=True)
    for note in known.notes:
        click.echo(note, err=True)
    click.echo('its addresses and keys: eval "$(dragstrip lab env)"', err=True)


@lab.command(epilog=examples("dragstrip lab down", "dragstrip lab down --purge"))
@click.option("--purge", is_flag=True, help="Remove its data, logs and secrets as well.")
@click.pass_obj
def down(home: Path | None, *, purge: bool) -> None:
    """Stop the lab and check that no process and no port is left."""
    ended = lifecycle.down(home, reporter=_report, purge=purge)
    click.echo("lab down" if ended else "the lab was not up", err=True)


@lab.command(epilog=examples("dragstrip lab status --json"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_obj
def status(home: Path | None, *, as_json: bool) -> int:
    """Show every service; the exit code is 0 when all are up and healthy, otherwise 2."""
    credentials.make_known(Home.find(home))
    known = lifecycle.status(home)
    if known is None:
        click.echo(json.dumps({"phase": "down", "services": {}}) if as_json else "the lab is down")
        return NOT_UP_CODE
    health = lifecycle.probe(known)
    if as_json:
        click.echo(json.dumps(_as_document(known, health), indent=2))
    else:
        _print_status(known, health)
    sound = known.supervised and known.phase == "up" and not known.not_up
    return 0 if sound and not any(health.values()) else NOT_UP_CODE


@lab.command(
    name="logs", epilog=examples("dragstrip lab logs", "dragstrip lab logs convex --follow")
)
@click.argument("service", required=False, type=click.Choice(_LOG_NAMES))
@click.option("-n", "--lines", default=20, show_default=True, type=click.IntRange(min=0))
@click.option("-f", "--follow", is_flag=True, help="Follow the log as it grows; needs a service.")
@click.pass_obj
def show_logs(home: Path | None, service: str | None, lines: int, *, follow: bool) -> None:
    """Print the last lines of one service's log, or of each."""
    place = Home.find(home)
    credentials.make_known(place)
    if follow:
        if service is None:
            raise UsageError("--follow needs a service", fix=f"name one of {', '.join(_LOG_NAMES)}")
        for text in logs.follow(place.log(service), lines):
            click.echo(text, nl=False)
            if output.is_broken():
                return
    for name in (service,) if service else _LOG_NAMES:
        log = place.log(name)
        if service is None:
            click.echo(f"==> {log}")
        elif not log.exists():
            raise LabError(f"there is no log {log}", fix="run `dragstrip lab up`, which makes it")
        for line in logs.tail(log, lines):
            click.echo(line)


@lab.command(epilog=examples('eval "$(dragstrip lab env)"', "dragstrip lab env --dotenv > .env"))
@click.option("--json", "form", flag_value="json", help="Print one JSON object.")
@click.option("--dotenv", "form", flag_value="dotenv", help="Print NAME=value lines.")
@click.pass_obj
def env(home: Path | None, form: str | None) -> None:
    """Print the running lab's addresses and keys, by default as shell `export` lines."""
    variables = lifecycle.environment(home)
    if form == "json":
        click.echo(json.dumps(variables, indent=2))
        return
    for name, value in variables.items():
        # Docker's --env-file and the like read no quotes: they would be part of the value.
        dotenv = form == "dotenv"
        click.echo(f"{name}={value}" if dotenv else f"export {name}={shlex.quote(value)}")


@lab.command(epilog=examples("dragstrip lab install", "dragstrip lab install --force"))
@click.option("--force", is_flag=True, help="Install and build even what is up to date.")
def install(*, force: bool) -> None:
    """Install the backends' npm packages and build the Next.js app, where anything changed."""
    install_packages(_report, force=force)


def _report(line: str) -> None:
    click.echo(f"  {line}", err=True)


def _parse_ports(texts: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if not number.isdecimal():
            raise UsageError(f"--port {text}: not NAME=PORT", fix="write for example next=3005")
        if name in found:
            raise UsageError(f"--port {text}: {name} is given twice", fix="give it once")
        found[name] = int(number)
    return found


def _as_document(known: LabState, health: dict[str, str | None]) -> dict[str, object]:
    document: dict[str, object] = known.model_dump(mode="json")
    document["supervised"] = known.supervised
    document["health"] = health
    return document


def _print_status(known: LabState, health: dict[str, str | None]) -> None:
    # Unwrapped when it is read by a program: one row, one line.
    console = Console(width=None if sys.stdout.isatty() else 240)
    table = Table("service", "state", "pid", "port", "health", "for", "log")
    for name, service in known.services.items():
        process = service.process
        phase: str = service.phase if known.supervised or service.phase == "crashed" else "gone"
        if service.exit_code is not None:
            phase += f" (exit code {service.exit_code})"
        table.add_row(
            name,
            phase,
            str(process.pid) if process and process.alive else "-",
            str(service.port),
            health[name] or "ok",
            _duration(time.time() - service.since),
            str(service.log),
        )
    console.print(table)
    if not known.supervised:
        click.echo("its supervisor is gone: `dragstrip lab up` starts the lab again")
    if known.owner:
        click.echo(f"it goes down when process {known.owner.pid} ends")
    for note in known.notes:
        click.echo(note)
    for name, service in known.services.items():
        if service.phase == "crashed":
            click.echo(f"\nthe last lines of {name}'s log:")
            for line in logs.tail(service.log, 10):
                click.echo(f"  {line}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
