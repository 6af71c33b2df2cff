"""The client against a server that misbehaves in every way a socket allows."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import Limits
from dragstrip.scenario import Request
from dragstrip.scenario.check import Reply
from seeding.dataset.dataset import Dataset
from tests.support.stand_in import API_KEY, StandIn, response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATASET = Dataset(42, 50)
MAX_BODY_BYTES = Limits(1).max_body_bytes


def lookup(index: int = 0, key: str = API_KEY) -> Request:
    return Request("GET", f"/lookup?phone={DATASET.phone(index)}", {"x-api-key": key})


@pytest.fixture
def server() -> Iterator[StandIn]:
    with StandIn(DATASET).serving() as stand_in:
        yield stand_in


@pytest.fixture
def client(server: StandIn) -> Iterator[Connection]:
    made = Connection(server.url, limits=5)
    yield made
    made.close()


def failure(client: Connection, request: Request | None = None) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        client.send(request or lookup())
    return caught.value


def test_answers_arrive_over_one_kept_connection(client: Connection, server: StandIn) -> None:
    replies = [client.send(lookup(index)) for index in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    assert replies[0].content_type == "application/json"
    assert replies[0].server_timing == "query;dur=0.25, total;dur=1.5"
    assert server.connections == 1


def test_a_base_address_may_have_a_path(server: StandIn) -> None:
    Connection(f"{server.url}/base", limits=5).send(lookup())
    assert server.lookups[-1].startswith("/base/lookup?")


def test_a_wrong_key_is_an_answer(client: Connection) -> None:
    assert client.send(lookup(key="wrong")).status == 401


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(client: Connection, server: StandIn, status: int) -> None:
    elsewhere = f"location: {server.url}/elsewhere\r\n"
    server.misbehave = lambda _n, _body: response({}, status, extra=elsewhere)
    assert client.send(lookup()).status == status
    assert len(server.lookups) == 1


def test_a_body_is_bounded(client: Connection, server: StandIn) -> None:
    server.misbehave = lambda _n, _body: response(raw=b" " * (MAX_BODY_BYTES + 1))
    assert failure(client).outcome is Outcome.TOO_LARGE
    server.misbehave = lambda _n, _body: response(raw=b" " * MAX_BODY_BYTES)
    assert len(client.send(lookup()).body) == MAX_BODY_BYTES


def test_silence_times_out_and_the_next_lookup_works(server: StandIn) -> None:
    client = Connection(server.url, limits=0.2)
    server.hangs = True
    assert failure(client).outcome is Outcome.TIMEOUT
    assert failure(client).outcome is Outcome.TIMEOUT
    server.hangs = False
    assert client.send(lookup()).status == 200


def test_a_body_that_drips_times_out_as_a_whole(server: StandIn) -> None:
    # The announced length never comes, but the connection stays open.
    server.misbehave = lambda _n, _body: response(raw=b"{}", length=100)
    client = Connection(server.url, limits=0.1)
    assert failure(client).outcome is Outcome.TIMEOUT


def test_half_a_body_is_cut_off(client: Connection, server: StandIn) -> None:
    server.misbehave = lambda _n, _body: response(
        raw=b"{}", length=100, extra="connection: close\r\n"
    )
    assert failure(client).outcome is Outcome.CLOSED


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 abc X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"\x00" * 64,
    ],
)
def test_garbage_is_malformed(garbage: bytes) -> None:
    with answering(lambda _: garbage) as url:
        assert failure(Connection(url, limits=2)).outcome is Outcome.MALFORMED


def test_a_closed_port_refuses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert failure(Connection(url, limits=2)).outcome is Outcome.REFUSED


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(
    client: Connection, server: StandIn
) -> None:
    server.misbehave = lambda _n, body: response(body, extra="connection: close\r\n")
    assert [client.send(lookup()).status for _ in range(3)] == [200] * 3
    assert server.connections == 3


def test_chunked_answers_are_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'1\r\n{\r\n4\r\n"a":\r\n2\r\n1}\r\n0\r\n\r\n'
    )
    with answering(lambda _: chunked) as url:
        reply = Connection(url, limits=2).send(lookup())
    head = "http/1.1 200 ok\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
    assert reply == Reply(200, "application/json", "", b'{"a":1}', head)


def test_any_header_of_an_answer_can_be_asked_for(client: Connection, server: StandIn) -> None:
    server.misbehave = lambda _n, body: response(body, extra="X-Cache: HIT\r\nx-cache:  Far \r\n")
    # The second head is known by its bytes.
    for _ in range(2):
        reply = client.send(lookup())
        assert reply.header("x-cache") == "hit, far"
        assert reply.header("content-type") == "application/json"
        assert reply.header("cache") is None


def test_an_untrusted_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with answering(lambda _: response({}), context) as url:
        refused = failure(Connection(url, limits=2))
    assert refused.outcome is Outcome.TLS
    assert "CERTIFICATE" in str(refused).upper()


class answering:  # noqa: N801 - reads as a phrase
    """A server for one connection after another that answers every request in the same way."""

    def __init__(
        self, answer: Callable[[bytes], bytes], context: ssl.SSLContext | None = None
    ) -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        threading.Thread(target=self._serve, daemon=True).start()
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            try:
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                connection.sendall(self._answer(connection.recv(65536)))
            except OSError:
                pass
            finally:
                connection.close()
