"""An HTTP/2 server on loopback that does with each request what a test's script says."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

_PATIENCE_S = 30


@dataclass
class Http2Request:
    """One request."""

    peer: Http2Peer
    number: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.headers[":path"]

    def answer(
        self,
        body: bytes = b'{"found":true}',
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send an answer; of one to a HEAD, the head alone."""
        fields = {
            ":status": str(status),
            "content-type": "application/json",
            "content-length": str(len(body)),
            **(headers or {}),
        }
        if self.headers[":method"] == "HEAD":
            body = b""
        self.peer.state.send_headers(self.number, list(fields.items()), end_stream=not body)
        self.peer.flush()
        while body:
            room = self.peer.state.local_flow_control_window(self.number)
            piece, body = body[: min(room, 16_384)], body[min(room, 16_384) :]
            self.peer.state.send_data(self.number, piece, end_stream=not body)
            self.peer.flush()

    def inform(self, status: int) -> None:
        """Send an interim answer."""
        self.peer.state.send_headers(self.number, [(":status", str(status))])

    def reset(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        """Reset the stream."""
        self.peer.state.reset_stream(self.number, code)
        self.peer.flush()


class Http2Peer:
    """One connection as the server sees it."""

    def __init__(self, sock: socket.socket, server: Http2Server) -> None:
        self.sock = sock
        self.state = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.state.local_settings = Settings(client=False, initial_values=server.settings)
        self.asked: dict[int, Http2Request] = {}
        self.ended: list[int] = []
        """The streams that the client reset."""
        self._server = server

    def serve(self) -> None:
        self.state.initiate_connection()
        self.flush()
        while data := self.sock.recv(65_536):
            for event in self.state.receive_data(data):
                self._take(event)
            self.flush()

    def flush(self) -> None:
        self.sock.sendall(self.state.data_to_send())

    def go_away(self, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Announce that streams after `last` were not worked on; go on serving those before."""
        self.flush()
        self.sock.sendall(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())

    def allow(self, streams: int) -> None:
        """Change how many streams may be open."""
        self.state.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        self.flush()

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)

    def _take(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived():
                fields = {str(name): str(value) for name, value in event.headers}
                self.asked[event.stream_id] = Http2Request(self, event.stream_id, fields)
                self._server.at_head(self.asked[event.stream_id])
            case events.DataReceived():
                self.asked[event.stream_id].body += event.data
                self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case events.StreamReset():
                self.ended.append(event.stream_id)
                self._server.resets.release()
            case events.StreamEnded():
                asked = self.asked[event.stream_id]
                self._server.requests.append(asked)
                self._server.script(asked)


@dataclass
class Http2Server:
    """Runs `script` for each request, in the thread of its connection."""

    script: Callable[[Http2Request], object]
    at_head: Callable[[Http2Request], object] = lambda _: None
    """Called with each request before its body came."""
    tls: ssl.SSLContext | None = None
    settings: dict[SettingCodes, int] = field(default_factory=dict)
    port: int = 0
    requests: list[Http2Request] = field(default_factory=list)
    connections: int = 0
    problems: list[BaseException] = field(default_factory=list)
    resets: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Released for each stream that a client resets."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[Http2Server]:
        """Serve until the end of the block. An error in a script fails the test."""
        if self.tls is not None:
            self.tls.set_alpn_protocols(["h2"])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join(_PATIENCE_S)
        assert not self.problems, self.problems

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            Http2Peer(sock, self).serve()
        except (OSError, ProtocolError):
            # The client hung up, or the script did.
            pass
        except BaseException as problem:  # noqa: BLE001
            self.problems.append(problem)
        finally:
            sock.close()
