"""A server on loopback that does exactly what a test's script says, byte by byte."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PATIENCE_S = 30
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class ByteConnection:
    """One connection as the server sees it."""

    def __init__(self, sock: socket.socket, server: ByteServer) -> None:
        self._sock = sock
        self._server = server
        self._buffer = b""
        sock.settimeout(_PATIENCE_S)

    def request(self) -> bytes:
        """Read one whole request; EOFError when the client closed the connection."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._receive()
        length = _LENGTH.search(self._buffer[: end + 2])
        whole = end + 4 + (int(length[1]) if length else 0)
        while len(self._buffer) < whole:
            self._receive()
        request, self._buffer = self._buffer[:whole], self._buffer[whole:]
        self._server.requests.append(request)
        return request

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._sock.sendall(piece)

    @contextmanager
    def in_one_packet(self) -> Iterator[None]:
        """Hold back what is sent in the block, then send it together."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        yield
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

    def answer(self, *pieces: bytes) -> None:
        """Read a request and send the answer to it."""
        self.request()
        self.send(*pieces)

    def shut_down_sending(self) -> None:
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock = self._sock.unwrap()
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close without TLS's notice of the end."""
        self._sock.close()

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()

    def wait_closed(self) -> None:
        """Return when the client has closed or reset the connection."""
        with suppress(EOFError, OSError):
            while True:
                self._receive()

    def _receive(self) -> None:
        data = self._sock.recv(65_536)
        if not data:
            raise EOFError
        self._buffer += data


@dataclass
class ByteServer:
    """Runs `script(peer, number)` for each connection; `number` counts from 1."""

    script: Callable[[ByteConnection, int], None]
    host: str = "127.0.0.1"
    tls: ssl.SSLContext | None = None
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    problems: list[BaseException] = field(default_factory=list)
    over: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released each time a connection's script has ended and its socket is closed."""

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[ByteServer]:
        """Serve until the end of the block. An error in a script fails the test."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.create_server((self.host, 0), family=family) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                # Closing alone leaves accept() blocked.
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(_PATIENCE_S)
        assert not self.problems, self.problems

    def wait_for_end_of_script(self) -> None:
        assert self.over.acquire(timeout=_PATIENCE_S)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                self.connections += 1
                number = self.connections
                threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_PATIENCE_S)
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
            self.script(ByteConnection(sock, self), number)
        except (EOFError, OSError):
            # The client hung up, as many tests want it to.
            pass
        except BaseException as problem:  # noqa: BLE001
            self.problems.append(problem)
        finally:
            sock.close()
            self.over.release()


def answer(
    body: bytes = b'{"found":true}', *headers: str, status: str = "200 OK", length: bool = True
) -> bytes:
    """Return an answer with a Content-Length, unless `length` is False."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(*pieces: bytes, headers: tuple[str, ...] = (), trailers: bytes = b"") -> bytes:
    """Return an answer whose body comes in chunks."""
    head = answer(b"", "Transfer-Encoding: chunked", *headers, length=False)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + chunks + b"0\r\n" + trailers + b"\r\n"
