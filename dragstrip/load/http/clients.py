"""Makes the clients of a target, by the protocol that a race speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import Limits
from dragstrip.tls import HTTP_2

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import RaceConfig
    from dragstrip.load.http.client import Client
    from dragstrip.scenario import Target


def client_maker(target: Target, race: RaceConfig) -> Callable[[], Client]:
    """Return what makes a target's clients: those of timed requests and of all others alike.

    Raises ConfigError where a package is missing.
    """
    limits = Limits.of(race)
    if race.protocol == HTTP_2:
        return _http2_maker(target, limits)
    return lambda: Connection(target.url, limits, files=target.tls_files)


def _http2_maker(target: Target, limits: Limits) -> Callable[[], Client]:
    try:
        from dragstrip.load.http.http2_client import Http2Client, SharedConnection
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"race.protocol = h2 needs the package {error.name}",
            fix='run: pip install "dragstrip[h2]"',
        ) from None
    shared = SharedConnection(target.url, limits, target.tls_files)
    return lambda: Http2Client(shared)
