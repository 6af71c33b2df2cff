"""No answer is too long, too late or too odd for the connection to survive it."""

from __future__ import annotations

import gzip
import threading
import zlib
from typing import TYPE_CHECKING

import gevent
import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import NEVER_NS, Limits
from dragstrip.scenario import Request
from tests.support.byte_server import ByteConnection, answer, chunked
from tests.support.talking import BODY, GET, PATIENT, always, failure, once, silent_address, talking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """The address of a server that takes no more connections and refuses none."""
    with silent_address() as (host, port):
        yield f"http://{host}:{port}"


class TestBounds:
    LIMITS = Limits(total_s=30, max_body_bytes=1000, max_head_bytes=2000)

    @pytest.mark.parametrize(
        "wire",
        [
            answer(bytes(1000)),
            chunked(bytes(600), bytes(400)),
            answer(bytes(1000), length=False),
            answer(gzip.compress(bytes(1000)), "Content-Encoding: gzip"),
        ],
    )
    def test_a_body_as_long_as_the_bound_is_taken(self, wire: bytes) -> None:
        with talking(once(wire), self.LIMITS) as (connection, _):
            assert connection.send(GET).body == bytes(1000)

    @pytest.mark.parametrize(
        "wire",
        [
            answer(bytes(1001)),
            answer(b"", "Content-Length: 1001", length=False),
            chunked(bytes(600), bytes(401)),
            chunked(bytes(1001)),
            answer(bytes(1001), length=False),
            answer(gzip.compress(bytes(1001)), "Content-Encoding: gzip"),
            answer(gzip.compress(bytes(600)) * 2, "Content-Encoding: gzip"),
            answer(zlib.compress(bytes(500_000)), "Content-Encoding: deflate"),
        ],
    )
    def test_a_longer_one_is_not(self, wire: bytes) -> None:
        with talking(once(wire), self.LIMITS) as (connection, _):
            failed = failure(connection)
        assert (failed.outcome, failed.status) == (Outcome.TOO_LARGE, 200)
        assert "more than 1000 bytes" in str(failed) or "longer than 1000 bytes" in str(failed)

    @pytest.mark.parametrize(
        "part",
        [
            b"X-Padding: " + b"x" * 1000 + b"\r\n",
            b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
            b"\r\nHTTP/1.1 100 Continue\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n0" + b"0" * 100_000,
            b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 100_000,
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 100_000,
        ],
        ids=["header", "pipelined", "interim", "chunk-size", "chunk-extension", "trailers"],
    )
    def test_an_endless_answer_ends(self, part: bytes) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(
                b"HTTP/1.1 100 Go\r\n" if part.startswith(b"\r\n") else b"HTTP/1.1 200 OK\r\n"
            )
            while True:
                peer.send(part)

        with talking(script, self.LIMITS) as (connection, _):
            if b"ok" in part:
                assert connection.send(GET).body == b"ok"
                return
            failed = failure(connection)
        assert failed.outcome in {Outcome.TOO_LARGE, Outcome.MALFORMED}


class TestTimeouts:
    FIRST, WHOLE = Outcome.FIRST_BYTE_TIMEOUT, Outcome.TIMEOUT

    def test_no_connection(self, full_backlog: str) -> None:
        failed = failure(Connection(full_backlog, Limits(total_s=30, connect_s=0.05)))
        assert (failed.outcome, str(failed)) == (
            Outcome.CONNECT_TIMEOUT,
            "no connection within 0.05 s",
        )
        failed = failure(Connection(full_backlog, Limits(total_s=0.05, connect_s=30)))
        assert (failed.outcome, str(failed)) == (Outcome.TIMEOUT, "no connection within 0.05 s")

    @pytest.mark.parametrize(
        ("sent", "limits", "outcome", "words"),
        [
            (b"", Limits(30, first_byte_s=0.05), FIRST, "no byte of an answer within 0.05 s"),
            (b"", Limits(0.05), WHOLE, "no byte of an answer within 0.05 s"),
            (b"", Limits(0.05, first_byte_s=30), WHOLE, "no byte of an answer within 0.05 s"),
            (b"H", Limits(0.5), WHOLE, "no whole answer within 0.5 s"),
            (answer(BODY)[:-1], Limits(0.5, first_byte_s=0.4), WHOLE, "no whole answer within 0."),
        ],
    )
    def test_no_answer(self, sent: bytes, limits: Limits, outcome: Outcome, words: str) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(sent)
            peer.wait_closed()

        with talking(script, limits) as (connection, server):
            failed = failure(connection)
            assert failed.outcome is outcome
            assert str(failed).startswith(words)
            # The connection is closed: a late answer cannot be taken for the next one's.
            server.wait_for_end_of_script()
            assert connection.done_ns >= connection.sent_ns > 0

    def test_a_trickle_does_not_extend_it(self) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(answer(b"", "Content-Length: 1000000", length=False))
            while True:
                peer.send(b"x")

        with talking(script, Limits(0.1)) as (connection, _):
            assert failure(connection).outcome is Outcome.TIMEOUT

    def test_a_server_that_does_not_read(self) -> None:
        stop = threading.Event()
        with talking(lambda *_: stop.wait(30), Limits(0.1)) as (connection, _):
            try:
                failed = failure(connection, Request("POST", "/", {}, bytes(1 << 25)))
            finally:
                stop.set()
        assert failed.outcome is Outcome.TIMEOUT

    def test_each_request_has_its_own(self) -> None:
        limit_s = 0.5
        with talking(always(answer(BODY)), Limits(limit_s)) as (connection, server):
            connection.send(GET)
            start_ns = connection.sent_ns
            while connection.done_ns < start_ns + 3 * limit_s * 1e9:
                connection.send(GET)
            assert server.connections == 1

    def test_an_idle_connection_outlives_it(self) -> None:
        with talking(always(answer(BODY)), Limits(0.5)) as (connection, server):
            connection.send(GET)
            while connection._deadline.scheduled_ns < NEVER_NS:
                gevent.sleep(0.001)
            connection.send(GET)
            assert server.connections == 1


class TestInterruption:
    """What is raised into an exchange passes through, and the connection is closed."""

    @staticmethod
    def silent_at_first(peer: ByteConnection, number: int) -> None:
        peer.request()
        if number == 1:
            peer.wait_closed()
        else:
            peer.send(answer(BODY))
            always(answer(BODY))(peer, number)

    def test_timeout_of_the_caller(self) -> None:
        with talking(self.silent_at_first) as (connection, server):
            limit = gevent.Timeout(0.05)
            with pytest.raises(gevent.Timeout) as caught, limit:
                connection.send(GET)
            assert caught.value is limit
            server.wait_for_end_of_script()
            assert connection.send(GET).body == BODY
            assert connection.send(GET).body == BODY
            assert server.connections == 2

    def test_kill(self) -> None:
        with talking(self.silent_at_first) as (connection, server):
            sending = gevent.spawn(connection.send, GET)
            wait_until(lambda: bool(server.requests))
            sending.kill()
            assert isinstance(sending.value, gevent.GreenletExit)
            server.wait_for_end_of_script()
            assert connection.send(GET).body == BODY

    def test_while_connecting(self, full_backlog: str) -> None:
        connection = Connection(full_backlog, PATIENT)
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.05):
            connection.send(GET)
        assert connection._wire._sock is None

    def test_close_by_another_greenlet(self) -> None:
        with talking(self.silent_at_first) as (connection, server):
            sending = gevent.spawn(connection.send, GET)
            wait_until(lambda: bool(server.requests))
            connection.close()
            with pytest.raises(SendFailed, match="closed on this side"):
                sending.get()
            server.wait_for_end_of_script()

    def test_two_at_a_time_are_refused(self) -> None:
        with talking(self.silent_at_first) as (connection, server):
            sending = gevent.spawn(connection.send, GET)
            wait_until(lambda: bool(server.requests))
            with pytest.raises(RuntimeError, match="one request at a time"):
                connection.send(GET)
            sending.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        gevent.sleep(0.001)
