"""The least that any client adds or costs: bare sockets, nothing checked, nothing else to do.

What lies between the server's two clock readings and the client's is two wake-ups and two crossings
of the loopback interface. It is there for every client of this machine, and is measured here with
one blocking socket.

A client that sends at given times sleeps until each of them. What that costs more than sending when
an answer has come is measured with loops over sockets that do only this.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from benchmarks.scheduling import placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ENOUGH_BYTES = 65_536
_TFD_TIMER_ABSTIME = 1
_SECOND_NS = 1_000_000_000


def round_trips_ns(url: str, path: str, lookups: int, core: int) -> NDArray[np.int64]:
    """Look the same contact up one time after the other; return (sent, done) of each, (n, 2)."""
    parts = urlsplit(url)
    request = _request(url, path)
    times = np.zeros((lookups, 2), np.int64)
    with placed({core}), socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(lookups):
            sent_ns = time.monotonic_ns()
            connection.send(request)
            # The answer is smaller than what one read returns, and was written at once.
            connection.recv(_ENOUGH_BYTES)
            times[number] = sent_ns, time.monotonic_ns()
    return times


def closed_cpu_us(url: str, path: str, core: int, *, connections: int, length_s: float) -> float:
    """Return processor time per request, each sent when an answer has come, in µs."""
    request, answers = _request(url, path), 0
    end_ns = time.monotonic_ns() + round(length_s * _SECOND_NS)
    with ExitStack() as stack:
        poll, sockets = _connected(stack, url, core, connections)
        begun_ns = time.process_time_ns()
        for connection in sockets.values():
            connection.send(request)
        while time.monotonic_ns() < end_ns:
            for file, _ in poll.poll():
                sockets[file].recv(_ENOUGH_BYTES)
                answers += 1
                sockets[file].send(request)
        return (time.process_time_ns() - begun_ns) / answers / 1e3


def open_cpu_us(url: str, path: str, core: int, *, connections: int, gaps_ns: list[int]) -> float:
    """Return processor time per request, sent after these gaps, asleep in between, in µs."""
    libc = ctypes.CDLL(None)
    request, answers, due = _request(url, path), 0, iter(gaps_ns)
    with ExitStack() as stack:
        poll, sockets = _connected(stack, url, core, connections)
        idle = list(sockets.values())
        timer = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK)
        stack.callback(os.close, timer)
        poll.register(timer, select.EPOLLIN)
        begun_ns, due_ns = time.process_time_ns(), time.monotonic_ns() + next(due)
        while answers < len(gaps_ns):
            while due_ns and idle and due_ns <= time.monotonic_ns():
                idle.pop().send(request)
                due_ns += next(due, -due_ns)
            # Without a connection it is an answer that is waited for; all zeros stop the timer.
            at = divmod(due_ns, _SECOND_NS) if idle else (0, 0)
            libc.timerfd_settime(timer, _TFD_TIMER_ABSTIME, (ctypes.c_long * 4)(0, 0, *at), None)
            for file, _ in poll.poll():
                if file != timer:
                    sockets[file].recv(_ENOUGH_BYTES)
                    answers += 1
                    idle.append(sockets[file])
        return (time.process_time_ns() - begun_ns) / answers / 1e3


def _connected(
    stack: ExitStack, url: str, core: int, connections: int
) -> tuple[select.epoll, dict[int, socket.socket]]:
    """Run on a core, and connect so often, until the stack is left; sockets go by their file."""
    parts = urlsplit(url)
    stack.enter_context(placed({core}))
    poll, sockets = stack.enter_context(select.epoll()), {}
    for _ in range(connections):
        address = (parts.hostname, parts.port)
        connection = stack.enter_context(socket.create_connection(address))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
    return poll, sockets


def _request(url: str, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: {urlsplit(url).netloc}\r\n\r\n".encode()
