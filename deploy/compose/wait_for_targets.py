"""Wait until every configured target answers a lookup: `wait_for_targets.py SECONDS`.

A 200 for a phone number means that the backend behind it is deployed, keyed and migrated. Exits
with 2 and each target's last failure when the time is up.
"""

from __future__ import annotations

import http.client
import os
import sys
import time
from urllib.parse import urlsplit

import click

from dragstrip.config.config import load
from dragstrip.errors import DragstripError
from dragstrip.scenario import Target, targets_of
from scenarios.crm.requests import lookup

_PAUSE_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
_NO_PHONE = "0"
_NO_WORKSPACE = "00000000-0000-4000-8000-000000000000"


def main(patience_seconds: float) -> int:
    """Return 0 once every target answers, 2 when the time is up."""
    deadline = time.monotonic() + patience_seconds
    while failures := _failures():
        if time.monotonic() > deadline:
            for failure in failures:
                click.echo(f"error: {failure}", err=True)
            return 2
        time.sleep(_PAUSE_SECONDS)
    click.echo("every target answers")
    return 0


def _failures() -> list[str]:
    try:
        # Read anew each time: a key may not be written yet.
        config = load(os.environ)
        api_key = config.environment.require("crm_api_key")
        targets = targets_of(config)
    except DragstripError as error:
        return [error.message]
    return [
        f"target {name}: {failure}"
        for name, target in targets.items()
        if (failure := _failure(target, api_key))
    ]


def _failure(target: Target, api_key: str) -> str | None:
    request = lookup(target, _NO_PHONE, _NO_WORKSPACE, api_key=api_key)
    parts = urlsplit(target.url)
    is_tls = parts.scheme == "https"
    connect = http.client.HTTPSConnection if is_tls else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(request.method, parts.path + request.path, headers=request.headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{target.url}: {error or type(error).__name__}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"{target.url}: status {status}"


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
