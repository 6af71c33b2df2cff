"""Loopback ports: the usual ones, or free ones when those are taken."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from dragstrip.errors import LabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"

DEFAULTS = {
    "next": 3000,
    "convex": 3210,
    "convex-site": 3211,
    "supabase": 54321,
    "postgres": 54322,
}

# Below the range that systems hand out for outgoing connections: no process gets one by chance
# between our look and the service's own bind.
_FALLBACK = range(20_000, 32_000)
_TRIES = 200


def choose(
    forced: Mapping[str, int],
    *,
    preferred: Mapping[str, int] = DEFAULTS,
    fallback_only: bool = False,
) -> dict[str, int]:
    """Return a port for every name in DEFAULTS.

    A forced port must be free; a preferred one that is taken is replaced by a free one; with
    `fallback_only` no port is preferred. Raises UsageError for an unknown name, LabError for a
    forced port that is taken.
    """
    _check(forced)
    chosen = dict(forced)
    for name in DEFAULTS:
        if name in chosen:
            continue
        port = preferred.get(name, DEFAULTS[name])
        usable = not fallback_only and port not in chosen.values() and is_free(port)
        chosen[name] = port if usable else _any_free(set(chosen.values()))
    return chosen


def is_free(port: int) -> bool:
    """Whether nothing listens on the port and we could."""
    if is_open(port):
        return False
    with socket.socket() as probe:
        # Connections that a former server left in TIME_WAIT do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def holder(port: int) -> str:
    """Say which process listens on the port, as far as this user may know."""
    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections(kind="tcp"):
            if found.laddr and found.laddr.port == port and found.status == psutil.CONN_LISTEN:
                if found.pid is None:
                    break
                return f"{psutil.Process(found.pid).name()}, pid {found.pid}"
    return "another process"


def _check(forced: Mapping[str, int]) -> None:
    for name, port in forced.items():
        if name not in DEFAULTS:
            raise UsageError(
                f'--port {name}={port}: there is no service "{name}"',
                fix=f"name one of {', '.join(DEFAULTS)}",
            )
        if not 1 <= port <= 65_535:
            raise UsageError(f"--port {name}={port}: not a port", fix="give a port from 1 to 65535")
        if list(forced.values()).count(port) > 1:
            raise UsageError(f"--port {name}={port}: given twice", fix="give each service its own")
        if not is_free(port):
            raise LabError(
                f"--port {name}={port}: the port is taken by {holder(port)}",
                fix="end that process, give another port, or drop the option to have one found",
            )


def _any_free(taken: set[int]) -> int:
    for _ in range(_TRIES):
        port = random.choice(_FALLBACK)  # noqa: S311 - a port is not a secret
        if port not in taken and is_free(port):
            return port
    raise LabError("found no free port on 127.0.0.1", fix="end what holds the ports 20000 to 32000")
