"""A TCP proxy before a PostgreSQL that can lose a COMMIT, or the answer to it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

Fault = Literal["commit is lost", "answer to commit is lost", "server is frozen"]


class PostgresProxy:
    """Carries bytes both ways. `fault` befalls the next COMMIT, once, and is None afterwards."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = (str(parts.hostname), int(parts.port or 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = parts._replace(
            netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"
        ).geturl()
        self.fault: Fault | None = None
        self.connections = 0
        self._deaf: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on."""
        # A socket that is only closed would let the thread wait in `accept` go on accepting.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(self._server)
                threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
                threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                if b"commit" in data and self.fault:
                    fault, self.fault = self.fault, None
                    if fault == "commit is lost":
                        break
                    if fault == "server is frozen":
                        # Until the client has had enough.
                        client.recv(1)
                        break
                    self._deaf.add(client)
                server.sendall(data)
        _end(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if client in self._deaf:
                    break
                client.sendall(data)
        _end(client, server)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextlib.contextmanager
def postgres_proxy(url: str) -> Iterator[PostgresProxy]:
    """A proxy before the database of this URL."""
    proxy = PostgresProxy(url)
    try:
        yield proxy
    finally:
        with contextlib.suppress(OSError):
            proxy.close()
