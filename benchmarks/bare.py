"""The least that any client adds: one blocking socket, no event loop, nothing else to do.

What lies between the server's two clock readings and the client's is two wake-ups and two crossings
of the loopback interface. It is there for every client of this machine, and is measured here.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from benchmarks.scheduling import placed

if TYPE_CHECKING:
    from numpy.typing import NDArray


def round_trips_ns(url: str, path: str, lookups: int, core: int) -> NDArray[np.int64]:
    """Look the same contact up one time after the other; return (sent, done) of each, (n, 2)."""
    parts = urlsplit(url)
    request = f"GET {path} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
    times = np.zeros((lookups, 2), np.int64)
    with placed({core}), socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(lookups):
            sent_ns = time.monotonic_ns()
            connection.send(request)
            # The answer is smaller than what one read returns, and was written at once.
            connection.recv(65_536)
            times[number] = sent_ns, time.monotonic_ns()
    return times
