"""Serves a race's metrics for as long as it runs, on a port of their own."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import RaceConfig
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Run
    from dragstrip.run.plan import Plan


def require_port(race: RaceConfig) -> None:
    """Check that metrics can be served where they are to be, if at all. Raises UsageError."""
    if race.metrics_port is None:
        return
    try:
        found = socket.getaddrinfo(race.metrics_host, race.metrics_port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _refused(race, error) from None


@contextmanager
def serving(plan: Plan, folder: RunFolder, facts: Run) -> Iterator[None]:
    """Serve the metrics of a race during the block, if its plan says so. Raises UsageError."""
    race = plan.race
    if race.metrics_port is None:
        yield
        return
    from prometheus_client import CollectorRegistry, start_http_server

    from dragstrip.live.follow import Follower
    from dragstrip.live.prometheus import RaceCollector

    follower = Follower.of(folder.path, plan, facts)
    registry = CollectorRegistry()
    registry.register(RaceCollector(facts, follower.look))
    try:
        server, thread = start_http_server(race.metrics_port, race.metrics_host, registry)
    except OSError as error:
        raise _refused(race, error) from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _refused(race: RaceConfig, error: OSError) -> UsageError:
    return UsageError(
        f"race.metrics_port: cannot serve metrics on {race.metrics_host}:{race.metrics_port}: "
        f"{error.strerror or error}",
        fix="name a port that is free, and an address of this machine in race.metrics_host",
    )
