"""A connection and the server it talks to."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import Limits
from dragstrip.scenario import Request
from tests.support.byte_server import ByteConnection, ByteServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENT = Limits(total_s=30)
BODY = b'{"found":true}'
GET = Request("GET", "/lookup?phone=62", {"x-api-key": "secret-0123456789"})
POST = Request("POST", "/webhook", {"content-type": "application/json"}, b'{"a":1}')


@contextmanager
def talking(
    script: Callable[[ByteConnection, int], Any],
    limits: Limits = PATIENT,
    prefix: str = "",
    **server: Any,
) -> Iterator[tuple[Connection, ByteServer]]:
    with ByteServer(script, **server).serving() as running:
        connection = Connection(running.url + prefix, limits)
        try:
            yield connection, running
        finally:
            connection.close()


@contextmanager
def silent_address() -> Iterator[tuple[str, int]]:
    """Yield where a server takes no more connections and refuses none."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        place = listener.getsockname()
        while True:
            sock = stack.enter_context(socket.socket())
            sock.settimeout(0.2)
            try:
                sock.connect(place)
            except TimeoutError:
                break
        yield place


def always(*pieces: bytes) -> Callable[[ByteConnection, int], None]:
    """Answer every request of every connection alike."""

    def script(peer: ByteConnection, _: int) -> None:
        while True:
            peer.answer(*pieces)

    return script


def once(*pieces: bytes) -> Callable[[ByteConnection, int], None]:
    """Answer one request per connection, then close it."""
    return lambda peer, _: peer.answer(*pieces)


def failure(connection: Connection, request: Request = GET) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        connection.send(request)
    return caught.value
