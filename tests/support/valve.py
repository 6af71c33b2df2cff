"""A TCP proxy on loopback that stops the flow to a server after so many bytes, or cuts it.

So a command can be stopped in the middle of what it sends, however quick it or the machine is.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_HOST = "127.0.0.1"
_CHUNK = 16_384


class Valve:
    """Carries bytes to a port of loopback and back. `held` is set while it keeps bytes waiting."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = _listen(0)
        self.port: int = self._listener.getsockname()[1]
        self.held = threading.Event()
        self.carried = 0
        self._limit: int | None = None
        self._may_flow = threading.Condition()
        self._ends: set[socket.socket] = set()
        self._accept()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.cut()

    def hold_after(self, count: int) -> None:
        """Let this many more bytes pass to the server, then hold what comes."""
        self._flow(self.carried + count)

    def open(self) -> None:
        """Let everything pass."""
        self._flow(None)

    def cut(self) -> None:
        """Reset every connection, and refuse new ones until `mend`."""
        # A socket that is only closed would let a thread wait in `accept` go on accepting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._may_flow:
            ends, self._ends = self._ends, set()
            self._may_flow.notify_all()
        for end in ends:
            _end(end)

    def mend(self) -> None:
        """Accept connections again."""
        self._listener = _listen(self.port)
        self._accept()

    def _flow(self, limit: int | None) -> None:
        with self._may_flow:
            self._limit = limit
            self.held.clear()
            self._may_flow.notify_all()

    def _accept(self) -> None:
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection((_HOST, self._server_port))
                except OSError:
                    _end(client)
                    continue
                with self._may_flow:
                    self._ends |= {client, server}
                for carry in (self._to_server, self._to_client):
                    threading.Thread(target=carry, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                self._wait_for_leave(client, len(data))
                server.sendall(data)
        self._close(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                client.sendall(data)
        self._close(client, server)

    def _wait_for_leave(self, client: socket.socket, count: int) -> None:
        with self._may_flow:
            while self._limit is not None and self.carried >= self._limit:
                if client not in self._ends:
                    raise ConnectionResetError
                self.held.set()
                self._may_flow.wait()
            self.carried += count

    def _close(self, *ends: socket.socket) -> None:
        with self._may_flow:
            self._ends -= set(ends)
        for end in ends:
            _end(end)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((_HOST, port))
    listener.listen(64)
    return listener


def _end(end: socket.socket) -> None:
    # Threads that wait in `recv` on it wake up; closing alone would leave them there.
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
