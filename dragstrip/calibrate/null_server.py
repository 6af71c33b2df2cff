"""A server that answers each request at once: what remains is the cost of asking.

    python -m dragstrip.calibrate.null_server KEYS

It listens on a port of its own on loopback, prints the port, and ends when its input does. Every
answer is made before the first is asked for; a request costs a search for its end and a look-up in
a dictionary. It is a yardstick: null_scenario.py says what it answers.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
import psutil

from dragstrip.calibrate.null_scenario import answer, path
from dragstrip.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator


_END = b"\r\n\r\n"
_MOST_BYTES = 65_536
_BACKLOG = 1024
_STOP_S = 5.0
_PRIORITY = -10


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, from the side of the process that started it."""

    url: str
    _process: psutil.Process

    def cpu_s(self) -> float:
        """Return the processor time that it has used so far."""
        used = self._process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def serving(keys: int) -> Iterator[Server]:
    """Serve so many keys from a process of its own until the block ends. Raises StorageError."""
    command = [sys.executable, "-P", "-m", __name__, str(keys)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise StorageError(f"{__name__} did not start", fix="run it by hand to see why")
            yield Server(f"http://127.0.0.1:{int(port)}", psutil.Process(process.pid))
        finally:
            process.stdin.close()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def answers(keys: int) -> dict[bytes, bytes]:
    """Return the whole answer to each request, by its path."""
    return {path(key).encode(): _response(answer(key)) for key in range(keys)}


def _response(body: object) -> bytes:
    payload = orjson.dumps(body)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}"
    return head.encode() + _END + payload


def main(argv: list[str]) -> None:
    """Serve until the input ends."""
    # The generator asks for as much; a server that waits behind it would be what is measured.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    known, unknown = answers(int(argv[0])), _response({"key": None})
    with selectors.DefaultSelector() as selector, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(_BACKLOG)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        unfinished: dict[socket.socket, bytes] = {}
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return
                if key.fileobj is listener:
                    _accept(listener, selector)
                else:
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)  # noqa: S101
                    _serve(connection, selector, unfinished, known, unknown)


def _accept(listener: socket.socket, selector: selectors.BaseSelector) -> None:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(connection, selectors.EVENT_READ)


def _serve(
    connection: socket.socket,
    selector: selectors.BaseSelector,
    unfinished: dict[socket.socket, bytes],
    known: dict[bytes, bytes],
    unknown: bytes,
) -> None:
    # A readable socket does not block, nor does an answer that fits the kernel's buffer: a
    # client reads one answer before it asks for the next.
    try:
        received = connection.recv(_MOST_BYTES)
        *requests, rest = (unfinished.pop(connection, b"") + received).split(_END)
        for request in requests:
            path = request[4 : request.find(b" ", 4)]
            connection.sendall(known.get(path, unknown))
    except ConnectionError:
        received = b""
    if not received or len(rest) > _MOST_BYTES:
        selector.unregister(connection)
        connection.close()
    elif rest:
        unfinished[connection] = rest


if __name__ == "__main__":
    main(sys.argv[1:])
