"""Makes the clients of a target, by the protocol that a race speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import RaceConfig
    from dragstrip.load.http.client import Client
    from dragstrip.scenario import Target


def client_maker(target: Target, race: RaceConfig) -> Callable[[], Client]:
    """Return what makes a target's clients: those of timed requests and of all others alike."""
    limits = Limits.of(race)
    return lambda: Connection(target.url, limits, files=target.tls_files)
