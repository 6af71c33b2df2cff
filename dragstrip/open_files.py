"""How many files and sockets a process may have open at once, and how many a race needs."""

from __future__ import annotations

import math
import resource
from contextlib import suppress

_OWN = 64
"""What a process of the load has open beside its connections, with some to spare."""


def needed(connections: int, processes: int = 1) -> int:
    """Return how many one of `processes` opens for its share of the connections to both targets."""
    return 2 * math.ceil(connections / processes) + _OWN


def allowed() -> float:
    """Return how many this user may let a process open; infinity where there is no limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return math.inf if hard == resource.RLIM_INFINITY else hard


def allow(count: int) -> None:
    """Let this process open so many, or as many as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (int(min(count, allowed())), hard))
