"""`dragstrip worker`: makes a share of the load of a race that is conducted elsewhere."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import click

from dragstrip.cli.options import examples, folder_option
from dragstrip.config import config
from dragstrip.errors import BackendError, InvalidRun, UsageError
from dragstrip.race import locust_process
from dragstrip.race import otel as opentelemetry
from dragstrip.run.folder import require_room
from dragstrip.run.ipc import EXIT_USAGE, TOKEN_VARIABLE, parse_address

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.run.ipc import ListenAddress

_NEVER_CONNECTED = 255
"""How Locust ends a worker that gave up."""


@click.command(epilog=examples("DRAGSTRIP_WORKER_TOKEN=… dragstrip worker 10.0.0.1:5557"))
@click.argument("master", metavar="HOST[:PORT]")
@folder_option("Folder for this worker's part of the ledger.")
@click.option("--otel", is_flag=True, help="Export this worker's requests by OpenTelemetry.")
def worker(master: str, out: Path, otel: bool) -> None:
    """Take part in the race of the `dragstrip race --workers N` that listens at HOST.

    It shows the token that DRAGSTRIP_WORKER_TOKEN must hold here. The plan comes from there; the
    key comes from CRM_API_KEY here, and goes to the targets that the plan names. The worker ends
    with the race.
    """
    address = parse_address(master, "HOST[:PORT]")
    _resolve(address)
    environment = config.read_environment(os.environ)
    environment.require("crm_api_key")
    token = environment.dragstrip_worker_token
    if token is None:
        raise UsageError(
            f"{TOKEN_VARIABLE} is not set", fix=f"set {TOKEN_VARIABLE} to what the race shows"
        )
    require_room(out)
    if otel:
        opentelemetry.require()
    click.echo(f"worker: waiting for the race at {address}", err=True)
    code = locust_process.run_worker(address, out, token.get_secret_value(), otel=otel)
    if code == _NEVER_CONNECTED:
        raise BackendError(
            f"found no race at {address} within five minutes",
            fix="start one with `dragstrip race --workers N --bind HOST[:PORT]`",
        )
    if code == EXIT_USAGE:
        raise BackendError(f"did not take part in the race at {address}; the reason is above")
    if code:
        raise InvalidRun(
            f"the race at {address} ended without this worker's last counts",
            fix="read the master's output",
        )
    click.echo("worker: the race is over", err=True)


def _resolve(address: ListenAddress) -> None:
    try:
        socket.getaddrinfo(address.host, address.port, proto=socket.IPPROTO_TCP)
    except OSError as error:
        raise UsageError(
            f"{address}: {error.strerror}", fix="name the machine where the race was started"
        ) from None
