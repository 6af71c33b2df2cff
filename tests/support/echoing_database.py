"""What looks like a PostgreSQL, asks for the password in clear, and repeats it in its refusal."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104
_ASK_FOR_PASSWORD = b"R" + struct.pack("!ii", 8, 3)


@contextmanager
def serving() -> Iterator[int]:
    """Serve on loopback until the end of the block; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError, EOFError):
                connection.settimeout(10)
                _refuse(connection)


def _refuse(connection: socket.socket) -> None:
    while _startup(connection) in {_SSL_REQUEST, _GSS_REQUEST}:
        connection.sendall(b"N")
    connection.sendall(_ASK_FOR_PASSWORD)
    _exactly(connection, 1)
    (length,) = struct.unpack("!i", _exactly(connection, 4))
    password = _exactly(connection, length - 4).rstrip(b"\0")
    said = b"SFATAL\0C28P01\0Mpassword authentication failed: password=" + password + b"\0\0"
    connection.sendall(b"E" + struct.pack("!i", len(said) + 4) + said)


def _startup(connection: socket.socket) -> int:
    length, code = struct.unpack("!ii", _exactly(connection, 8))
    _exactly(connection, length - 8)
    return int(code)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data
