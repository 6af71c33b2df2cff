"""A server that answers each lookup at once: what remains is the cost of asking.

    python -m dragstrip.calibrate.null_server SEED CONTACTS

It listens on a port of its own on loopback, prints the port, and ends when its input does. Every
answer is the dataset's and is made before the first is asked for; a request costs a search for its
end and a dictionary. It checks no key and knows no other path: it is a yardstick and no backend.
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

from dragstrip.errors import StorageError
from dragstrip.scenario import Target
from seeding.dataset.dataset import Dataset, not_found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Kind

KIND: Kind = "convex-http"

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
def serving(dataset: Dataset) -> Iterator[Server]:
    """Serve a dataset from a process of its own until the block ends. Raises StorageError."""
    command = [sys.executable, "-P", "-m", __name__, str(dataset.seed), str(dataset.contacts)]
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


def answers(dataset: Dataset) -> dict[bytes, bytes]:
    """Return the whole answer to each lookup, by the request's path with its query."""
    target = Target("instant", KIND, "http://127.0.0.1")
    made = {}
    for index in range(dataset.contacts):
        request = target.lookup(dataset.phone(index), dataset.workspace_id(index), api_key="")
        made[request.path.encode()] = _response(dataset.answer(index))
    return made


def _response(body: object) -> bytes:
    payload = orjson.dumps(body)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(payload)}"
    return head.encode() + _END + payload


def main(argv: list[str]) -> None:
    """Serve until the input ends."""
    # The generator asks for as much; a server that waits behind it would be what is measured.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    seed, contacts = map(int, argv)
    known, unknown = answers(Dataset(seed, contacts)), _response(not_found())
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
    # A readable socket does not block, nor does an answer that fits the kernel's buffer: whoever
    # asks reads one answer before the next is asked for.
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
