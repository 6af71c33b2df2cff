"""What the connection takes for an answer, and which connections it keeps."""

from __future__ import annotations

import gzip
import threading
import zlib
from time import monotonic_ns

import brotli
import gevent
import gevent.socket
import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.decompress import zstd
from dragstrip.scenario import Request
from tests.support.byte_server import ByteConnection, answer, chunked
from tests.support.talking import BODY, GET, PATIENT, POST, always, failure, once, talking


class TestKeptAlive:
    def test_one_connection_serves_many_requests(self) -> None:
        timing = "Server-Timing: query;dur=0.25, total;dur=1.5"
        with talking(always(answer(BODY, timing))) as (connection, server):
            for opened in [1, 0, 0]:
                reply = connection.send(GET)
                assert reply[:4] == (200, "application/json", "query;dur=0.25, total;dur=1.5", BODY)
                assert reply.header("content-length") == str(len(BODY))
                assert connection.opened == opened
            assert (server.connections, len(server.requests)) == (1, 3)

    @pytest.mark.parametrize(
        "wire",
        [
            answer(BODY, "Connection: close"),
            answer(BODY).replace(b"HTTP/1.1", b"HTTP/1.0"),
        ],
        ids=["connection-close", "http-1.0"],
    )
    def test_not_when_the_server_says_so(self, wire: bytes) -> None:
        with talking(always(wire)) as (connection, server):
            for count in [1, 2]:
                assert connection.send(GET).body == BODY
                assert (server.connections, connection.opened) == (count, 1)

    def test_http_1_0_with_keep_alive(self) -> None:
        wire = answer(BODY, "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0")
        with talking(always(wire)) as (connection, server):
            connection.send(GET)
            connection.send(GET)
            assert server.connections == 1

    @pytest.mark.parametrize(
        "extra",
        [b"X", b"HTTP/1.1 200 OK\r\n", answer(b"another's")],
        ids=["garbage", "half-a-head", "whole-answer"],
    )
    @pytest.mark.parametrize("wire", [answer(BODY), chunked(BODY)], ids=["length", "chunked"])
    def test_not_when_bytes_follow_the_answer(self, wire: bytes, extra: bytes) -> None:
        with talking(always(wire + extra)) as (connection, server):
            assert connection.send(GET).body == BODY
            assert connection.send(GET).body == BODY
            assert server.connections == 2

    @pytest.mark.parametrize("extra", [b"X", answer(b"unasked"), b"\r\n"])
    def test_not_when_bytes_come_unasked(self, extra: bytes) -> None:
        idle = threading.Event()

        def script(peer: ByteConnection, number: int) -> None:
            peer.answer(answer(BODY))
            if number == 1:
                idle.wait(30)
                peer.send(extra)
                peer.wait_closed()
            else:
                peer.answer(answer(BODY))

        with talking(script) as (connection, server):
            connection.send(GET)
            idle.set()
            wait_for_bytes(connection)
            connection.done_ns = 0
            for opened in [1, 0]:
                assert connection.send(POST).body == BODY
                assert connection.opened == opened
            assert (server.connections, len(server.requests)) == (2, 3)


def wait_for_bytes(connection: Connection) -> None:
    """Return when the connection's socket has something to read."""
    gevent.socket.wait_read(connection._wire._sock.fileno(), timeout=30)


class TestStaleConnection:
    def test_closed_while_idle_is_replaced_for_any_method(self) -> None:
        with talking(once(answer(BODY))) as (connection, server):
            for _ in range(3):
                assert connection.send(POST).body == BODY
                assert connection.opened == 1
                server.wait_for_end_of_script()
                connection.done_ns = 0
            assert len(server.requests) == 3

    @pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
    @pytest.mark.parametrize("outcome", [Outcome.CLOSED, Outcome.RESET])
    def test_no_answer_on_an_open_connection_is_a_failure(
        self, method: str, outcome: Outcome
    ) -> None:
        def script(peer: ByteConnection, number: int) -> None:
            peer.answer(answer(BODY))
            peer.request()
            if number == 1:
                if outcome is Outcome.RESET:
                    peer.reset()
                return
            peer.send(answer(BODY))

        request = Request(method, "/", {})
        with talking(script) as (connection, server):
            connection.send(request)
            failed = failure(connection, request)
            assert failed.outcome is outcome
            assert str(failed) == f"{outcome.name.lower()} by the server before the answer"
            assert (connection.opened, connection.reconnected) == (0, 0)
            assert len(server.requests) == 2
            assert connection.send(request).body == BODY
            # Counted as a failure, it is not counted as a mercy, too.
            assert (connection.opened, connection.reconnected) == (1, 0)
            assert len(server.requests) == 3

    def test_a_replaced_connection_is_not_replaced_again(self) -> None:
        def script(peer: ByteConnection, number: int) -> None:
            if number == 1:
                peer.answer(answer(BODY))
            else:
                peer.request()

        with talking(script) as (connection, server):
            connection.send(GET)
            server.wait_for_end_of_script()
            connection.done_ns = 0
            assert "before the answer" in str(failure(connection))
            assert (len(server.requests), server.connections) == (2, 2)
            assert (connection.opened, connection.reconnected) == (1, 1)

    def test_a_request_of_which_no_byte_was_written_goes_over_another_connection(self) -> None:
        def script(peer: ByteConnection, number: int) -> None:
            peer.answer(answer(BODY))
            if number == 1:
                peer.reset()
            peer.wait_closed()

        with talking(script) as (connection, server):
            connection.send(GET)
            wait_for_bytes(connection)
            # As if the reset had come between the look and the write.
            connection._wire.stirs = lambda _: []
            connection.done_ns = monotonic_ns()
            assert connection.send(POST).body == BODY
            assert (connection.opened, connection.reconnected) == (1, 1)
            assert (len(server.requests), server.connections) == (2, 2)

    def test_closed_at_once_without_a_word_is_a_failure_once(self) -> None:
        with talking(once(answer(BODY))) as (connection, server):
            connection.send(GET)
            server.wait_for_end_of_script()
            # As if the request had followed at once.
            connection.done_ns = monotonic_ns() + 1_000_000_000
            failed = failure(connection)
            assert failed.outcome in {Outcome.CLOSED, Outcome.RESET}
            assert (connection.opened, len(server.requests)) == (0, 1)
            for number in range(3):
                assert connection.send(GET).body == BODY
                assert connection.reconnected == (number > 0)
                server.wait_for_end_of_script()
                connection.done_ns = monotonic_ns()

    def test_not_on_a_fresh_connection(self) -> None:
        with talking(lambda peer, _: peer.request() and None) as (connection, server):
            assert failure(connection).outcome is Outcome.CLOSED
            assert (len(server.requests), connection.opened) == (1, 1)

    def test_not_once_something_was_received(self) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(answer(BODY))
            peer.answer(b"HTTP/1.1 2")

        with talking(script) as (connection, server):
            connection.send(GET)
            assert "inside the headers" in str(failure(connection))
            assert len(server.requests) == 2


class TestBodies:
    @pytest.mark.parametrize(
        ("wire", "body"),
        [
            (answer(BODY), BODY),
            (answer(b""), b""),
            (chunked(b"{", b'"found":', b"true}"), BODY),
            (chunked(), b""),
            (chunked(BODY, trailers=b"Content-Type: text/html\r\nX: y\r\n"), BODY),
            (answer(BODY, length=False), BODY),
            (answer(b"", length=False), b""),
            (answer(BODY, status="302 Found"), BODY),
            (answer(BODY, status="500 Oh No"), BODY),
            (answer(b"", status="204 No Content", length=False), b""),
            (answer(b"", "Content-Length: 10", status="304 Not Modified", length=False), b""),
            (answer(gzip.compress(BODY), "Content-Encoding: gzip"), BODY),
            (answer(gzip.compress(BODY), "Content-Encoding:  X-GZIP "), BODY),
            (answer(gzip.compress(b"a") + gzip.compress(b"b"), "Content-Encoding: gzip"), b"ab"),
            (answer(zlib.compress(BODY), "Content-Encoding: deflate"), BODY),
            (answer(zlib.compress(BODY)[2:-4], "Content-Encoding: deflate"), BODY),
            (answer(BODY, "Content-Encoding: identity"), BODY),
            (chunked(gzip.compress(BODY), headers=("Content-Encoding: gzip",)), BODY),
            (answer(brotli.compress(BODY), "Content-Encoding: br"), BODY),
            (answer(brotli.compress(BODY * 9999), "Content-Encoding: BR"), BODY * 9999),
            (answer(zstd.compress(BODY), "Content-Encoding: zstd"), BODY),
            (answer(zstd.compress(b"a") + zstd.compress(b"b"), "Content-Encoding: zstd"), b"ab"),
            (answer(b"", "Content-Encoding: gzip", status="204 No Content", length=False), b""),
            (answer(b"", "Content-Encoding: br", status="304 Not Modified", length=False), b""),
            (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(BODY), BODY),
            (b"HTTP/1.1 103 Hints\r\nContent-Type: text/html\r\n\r\n" * 3 + answer(BODY), BODY),
        ],
    )  # fmt: skip
    def test_are_read_whole(self, wire: bytes, body: bytes) -> None:
        with talking(once(wire)) as (connection, _):
            reply = connection.send(GET)
        assert reply.body == body
        assert reply.content_type == "application/json"

    def test_in_single_bytes(self) -> None:
        wire = b"HTTP/1.1 100 Continue\r\n\r\n" + chunked(BODY)
        pieces = [wire[place : place + 1] for place in range(len(wire))]
        with talking(always(*pieces)) as (connection, server):
            assert connection.send(GET).body == BODY
            assert connection.send(GET).body == BODY
            assert server.connections == 1

    def test_longer_than_a_read(self) -> None:
        body = bytes(range(256)) * 4096
        with talking(always(answer(body))) as (connection, server):
            assert connection.send(GET).body == body
            assert connection.send(GET).body == body
            assert server.connections == 1

    @pytest.mark.parametrize(
        ("head", "opened"),
        [
            (answer(b"", "Content-Length: 5000000", length=False), [1, 0]),
            (answer(b"", "Content-Encoding: gzip", "Content-Length: 10", length=False), [1, 0]),
            (answer(b"", length=False), [1, 0]),
            (answer(b"", "Transfer-Encoding: chunked", length=False), [1, 0]),
            (b"HTTP/1.1 103 Hints\r\n\r\n" + answer(b""), [1, 0]),
            (answer(b"", "Content-Length: 10", "Connection: close", length=False), [1, 1]),
            (answer(BODY), [1, 1]),
            (answer(b"\r\n\r\n"), [1, 1]),
            (answer(b"", length=False).replace(b"HTTP/1.1", b"HTTP/1.0"), [1, 1]),
        ],
    )
    def test_head_has_none_whatever_the_answer_says(self, head: bytes, opened: list[int]) -> None:
        seen = []
        with talking(always(head)) as (connection, server):
            for _ in opened:
                reply = connection.send(Request("HEAD", "/", {}))
                assert (reply.status, reply.body, reply.content_type) == (
                    200,
                    b"",
                    "application/json",
                )
                seen.append(connection.opened)
            assert server.requests[0].startswith(b"HEAD / HTTP/1.1\r\n")
            assert b"content-length" not in server.requests[0]
        assert seen == opened

    def test_get_after_head_with_the_same_head(self) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            while True:
                isolated = peer.request().startswith(b"HEAD")
                peer.send(answer(BODY)[: -len(BODY)] if isolated else answer(BODY))

        with talking(script) as (connection, server):
            for method in ["GET", "HEAD", "GET", "HEAD", "HEAD", "GET"]:
                reply = connection.send(Request(method, "/", {}))
                assert reply.body == (BODY if method == "GET" else b"")
            assert server.connections == 1

    def test_redirects_are_not_followed(self) -> None:
        wire = answer(b"", "Location: /elsewhere", status="301 Moved")
        with talking(always(wire)) as (connection, server):
            assert connection.send(GET).status == 301
            assert len(server.requests) == 1

    def test_an_early_refusal_of_a_long_request(self) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.send(answer(b"too much", "Connection: close", status="413 Too Large"))
            peer.shut_down_sending()
            peer.wait_closed()

        with talking(script) as (connection, _):
            request = Request("POST", "/", {}, bytes(1 << 22))
            assert connection.send(request).status == 413

    def test_a_long_request_goes_out_whole(self) -> None:
        body = bytes(range(256)) * (1 << 15)
        with talking(always(answer(BODY))) as (connection, server):
            assert connection.send(Request("POST", "/", {}, body)).body == BODY
            assert server.requests[0].endswith(b"\r\n\r\n" + body)


class TestRefusedAnswers:
    @pytest.mark.parametrize(
        ("wire", "words", "status"),
        [
            (b"", "closed by the server before the answer", 0),
            (b"HTT", "closed by the server inside the headers", 0),
            (b"HTTP/1.1 200 OK\r\nContent-Le", "closed by the server inside the headers", 200),
            (answer(BODY)[:-4], "closed by the server after 10 of 14 body bytes", 200),
            (answer(BODY, status="500 No")[:-4], "after 10 of 14 body bytes", 500),
            (chunked(BODY)[:-5], "closed by the server inside the body, after 14 bytes", 200),
            (chunked(BODY)[:-2], "closed by the server inside the body", 200),
            (b"HTTP/1.1 100 Continue\r\n\r\n", "closed by the server inside the headers", 100),
            (b"SSH-2.0-OpenSSH_9\r\n", "malformed answer: it does not begin with HTTP/1.", 0),
            (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", "does not begin with HTTP/1.", 0),
            (b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "does not begin with HTTP/1.", 0),
            (b"HTTP/1.1 100 C\r\n\r\n\r\n" + answer(BODY), "does not begin with HTTP/1.", 100),
            (b"HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n", "malformed answer: ", 0),
            (b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n", "its status is 99", 99),
            (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "protocol", 101),
            (answer(b"", "Content-Length: 5", "Content-Length: 6", length=False), "malformed", 200),
            (answer(b"", "Content-Length: -1", length=False), "malformed answer: ", 200),
            (answer(b"", "Content-Length: ", length=False), "malformed answer: ", 200),
            (answer(b"", "Content-Length: 99999999999999999999999", length=False), "overflow", 200),
            (chunked(BODY, headers=("Content-Length: 14",)), "malformed answer: ", 200),
            (chunked(BODY).replace(b": chunked", b": gzip, chunked"), "transfer coding", 200),
            (chunked(BODY).replace(b": chunked", b": gzip"), "transfer coding", 200),
            (chunked(BODY).replace(b"e\r\n", b"xyz\r\n"), "malformed answer: ", 200),
            (answer(BODY, "Content-Encoding: snappy"), "content coding is 'snappy'", 200),
            (answer(BODY, "Content-Encoding: br"), "compressed body is damaged", 200),
            (answer(BODY, "Content-Encoding: zstd"), "compressed body is damaged", 200),
            (answer(brotli.compress(BODY)[:-1], "Content-Encoding: br"), "is cut off", 200),
            (answer(zstd.compress(BODY)[:-1], "Content-Encoding: zstd"), "is cut off", 200),
            (answer(brotli.compress(BODY) + b"!", "Content-Encoding: br"), "is damaged", 200),
            (answer(BODY, "Content-Encoding: gzip, gzip"), "content coding is 'gzip, gzip'", 200),
            (answer(BODY, "Content-Encoding: gzip"), "compressed body is damaged", 200),
            (answer(gzip.compress(BODY)[:-1], "Content-Encoding: gzip"), "is cut off", 200),
            (answer(b"", "Content-Encoding: gzip"), "is cut off", 200),
            (answer(zlib.compress(BODY) + b"!", "Content-Encoding: deflate"), "follow", 200),
        ],
    )
    def test_what_is_wrong_is_named(self, wire: bytes, words: str, status: int) -> None:
        with talking(once(wire)) as (connection, _):
            failed = failure(connection)
        assert words in str(failed)
        cut_off = str(failed).startswith("closed by the server")
        assert failed.outcome is (Outcome.CLOSED if cut_off else Outcome.MALFORMED)
        assert failed.status in {0, status}

    def test_reset_inside_the_body(self) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(answer(BODY)[:-4])
            received.wait()
            peer.reset()

        received = threading.Event()
        with talking(script) as (connection, _):
            waiting = gevent.spawn(failure, connection)
            while connection.first_byte_ns == 0:
                gevent.sleep(0)
            received.set()
            failed = waiting.get()
        assert str(failed) == "reset by the server after 10 of 14 body bytes"
        assert (failed.outcome, failed.status) == (Outcome.RESET, 200)

    def test_refused(self) -> None:
        with talking(always(b"")) as (connection, _):
            pass
        failed = failure(connection)
        assert (failed.outcome, str(failed)) == (Outcome.REFUSED, "connection refused")
        assert connection.sent_ns == connection.first_byte_ns == connection.opened == 0
        assert connection.done_ns > 0

    def test_a_name_that_does_not_resolve(self) -> None:
        failed = failure(Connection("http://nowhere.invalid", PATIENT))
        assert failed.outcome is Outcome.RESOLVE
        assert "does not resolve" in str(failed)

    def test_reset_before_the_answer(self) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.request()
            peer.reset()

        with talking(script) as (connection, _):
            failed = failure(connection)
        assert (failed.outcome, str(failed)) == (
            Outcome.RESET,
            "reset by the server before the answer",
        )

    def test_the_next_request_finds_a_new_connection(self) -> None:
        def script(peer: ByteConnection, number: int) -> None:
            peer.answer(answer(BODY) if number > 1 else b"garbage\r\n\r\n")

        with talking(script) as (connection, server):
            assert "malformed" in str(failure(connection))
            assert connection.send(GET).body == BODY
            assert server.connections == 2
