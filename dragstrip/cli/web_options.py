"""Where a command serves its page, and who may see it."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import click

from dragstrip.cli.options import option_group
from dragstrip.errors import UsageError
from dragstrip.run.ipc import ListenAddress, require_free

if TYPE_CHECKING:
    from dragstrip.config.config import Environment
    from dragstrip.live.page_server import WebUi

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
