"""Where a command serves its page, and who may see it."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

import click

from dragstrip.cli.options import option_group
from dragstrip.errors import UsageError
from dragstrip.run.ipc import ListenAddress, require_free
from dragstrip.signals import signals_as_interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dragstrip.config.config import Environment
    from dragstrip.live.page_server import WebUi
    from dragstrip.run.folder import RunFolder

web_address = option_group(
    click.option(
        "--web-host",
        default="127.0.0.1",
        show_default=True,
        metavar="HOST",
        help="Where the page is served; elsewhere, DRAGSTRIP_WEB_PASSWORD must be set.",
    ),
    click.option(
        "--web-port",
        type=click.IntRange(1, 65_535),
        default=8089,
        show_default=True,
        metavar="N",
        help="The page's port.",
    ),
)


@contextmanager
def showing(ui: WebUi | None, find: Callable[[], RunFolder | None]) -> Iterator[None]:
    """Serve the page of what is found during the block, if it is to be served at all."""
    if ui is None:
        yield
        return
    from dragstrip.live.page_server import Watched, application, serving

    with serving(application(Watched(find), password=ui.password), ui):
        click.echo(f"{ui.url} shows it until Ctrl-C", err=True)
        yield


def next_search(out: Path) -> Callable[[], RunFolder | None]:
    """Return what finds the search that is about to begin among the stored runs, once it has."""
    from dragstrip.live.capacity_view import is_search
    from dragstrip.run import folder as run_folder
    from dragstrip.run.folder import RunFolder

    def newest() -> RunFolder:
        found = run_folder.find(run_folder.LATEST, out / run_folder.SEARCHES)
        return RunFolder(found.path.resolve())

    before = newest()

    def find() -> RunFolder | None:
        found = newest()
        return found if found != before and is_search(found) else None

    return find


def wait_for_ctrl_c() -> None:
    """Return when the page is not wanted any more."""
    with suppress(KeyboardInterrupt), signals_as_interrupts():
        threading.Event().wait()


def web_ui(host: str, port: int, environment: Environment) -> WebUi:
    """Return where to serve it. Raises UsageError."""
    from dragstrip.live.page_server import PASSWORD_VARIABLE, WebUi

    secret = environment.dragstrip_web_password
    address = require_free(ListenAddress(host, port), "--web-host, --web-port")
    if secret is None and not ip_address(address.host).is_loopback:
        raise UsageError(
            f"--web-host {host}: anyone who reaches the page can see it and start load",
            fix=f"set {PASSWORD_VARIABLE}, or leave it on 127.0.0.1",
        )
    return WebUi(address.host, port, secret.get_secret_value() if secret else None)
