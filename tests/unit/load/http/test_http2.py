"""HTTP/2: streams over one connection, what ends them, and what waits."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import brotli
import gevent
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from dragstrip.config.config import RaceConfig
from dragstrip.errors import BackendError
from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.http2_client import Http2Client, SharedConnection
from dragstrip.load.http.timeouts import Limits
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.scenario import Request, Target
from dragstrip.tls import NO_FILES, TlsFiles
from tests.support.byte_server import ByteServer, answer
from tests.support.certificates import Authority
from tests.support.http2_server import Http2Request, Http2Server
from tests.support.talking import BODY, GET, PATIENT, POST, always

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.scenario import Reply


NO_WINDOW = {SettingCodes.INITIAL_WINDOW_SIZE: 0}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@contextmanager
def talking(
    script: Callable[[Http2Request], object],
    clients: int = 1,
    limits: Limits = PATIENT,
    files: TlsFiles = NO_FILES,
    **server: Any,
) -> Iterator[tuple[list[Http2Client], Http2Server]]:
    with Http2Server(script, **server).serving() as running:
        shared = SharedConnection(running.url, limits, files)
        made = [Http2Client(shared) for _ in range(clients)]
        try:
            yield made, running
        finally:
            for client in made:
                client.close()


def outcome_of(client: Http2Client, request: Request = GET) -> tuple[Outcome, str] | Reply:
    try:
        return client.send(request)
    except SendFailed as failed:
        return failed.outcome, str(failed)


def failure(client: Http2Client, request: Request = GET) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        client.send(request)
    return caught.value


def together(
    number: int, then: Callable[[list[Http2Request]], object]
) -> Callable[[Http2Request], None]:
    """Call `then` with so many requests, once they are all there."""
    held: list[Http2Request] = []

    def script(asked: Http2Request) -> None:
        held.append(asked)
        if len(held) == number:
            then(list(held))
            held.clear()

    return script


class TestOneConnection:
    def test_answers_one_request_after_the_other(self) -> None:
        with talking(Http2Request.answer) as ([client], server):
            for opened in [1, 0, 0]:
                reply = client.send(GET)
                assert reply[:2] == (200, "application/json")
                assert (reply.body, reply.header("content-length")) == (BODY, "14")
                assert (client.opened, client.reconnected) == (opened, 0)
                assert client.sent_ns <= client.first_byte_ns <= client.done_ns
            assert server.connections == 1
            headers = server.requests[0].headers
        assert headers == {
            ":method": "GET",
            ":scheme": "http",
            ":authority": f"127.0.0.1:{server.port}",
            ":path": "/lookup?phone=62",
            "user-agent": "dragstrip",
            "accept": "application/json",
            "accept-encoding": "identity",
            "x-api-key": "secret-0123456789",
        }

    def test_carries_many_at_once_answered_in_any_order(self) -> None:
        def backwards(held: list[Http2Request]) -> None:
            for asked in reversed(held):
                asked.answer(asked.path.encode())

        with talking(together(50, backwards), clients=50) as (clients, server):
            for _ in range(2):
                requests = [Request("GET", f"/{number}", {}) for number in range(50)]
                jobs = [
                    gevent.spawn(client.send, request)
                    for client, request in zip(clients, requests, strict=True)
                ]
                assert [job.get().body for job in jobs] == [one.path.encode() for one in requests]
            assert server.connections == 1
            assert sum(client.opened for client in clients) == 0

    def test_over_tls_by_alpn(self, authority: Authority) -> None:
        files = TlsFiles(authority.ca_file)
        body = bytes(range(256)) * 3000
        with talking(
            lambda asked: asked.answer(body), files=files, tls=authority.server("127.0.0.1")
        ) as ([client], server):
            for _ in range(3):
                assert client.send(GET).body == body
            assert server.connections == 1
            assert server.requests[0].headers[":scheme"] == "https"

    @pytest.mark.parametrize("size", [0, 7, 100_000, 1_000_000])
    def test_bodies_are_sent_as_the_server_takes_them(self, size: int) -> None:
        body = (bytes(range(256)) * 4000)[:size]
        with talking(Http2Request.answer) as ([client], server):
            assert client.send(Request("POST", "/", {}, body)).body == BODY
            assert server.requests[0].body == body
            assert server.requests[0].headers["content-length"] == str(size)

    @pytest.mark.parametrize(
        ("method", "status", "sent", "body"),
        [("HEAD", 200, BODY, b""), ("GET", 204, b"", b""), ("GET", 302, b"", b"")],
    )
    def test_answers_without_a_body(
        self, method: str, status: int, sent: bytes, body: bytes
    ) -> None:
        with talking(lambda asked: asked.answer(sent, status)) as ([client], _):
            for _ in range(2):
                reply = client.send(Request(method, "/", {}))
                assert (reply.status, reply.body) == (status, body)

    def test_interim_and_compressed_answers(self) -> None:
        def script(asked: Http2Request) -> None:
            asked.inform(103)
            asked.answer(brotli.compress(BODY), headers={"content-encoding": "br"})

        with talking(script) as ([client], _):
            assert client.send(POST).body == BODY

    def test_prepared_requests_are_shared(self) -> None:
        with talking(Http2Request.answer, clients=2) as (clients, server):
            prepared = clients[0].prepare(POST)
            assert [one.send(prepared).body for one in clients] == [BODY, BODY]
            assert [one.body for one in server.requests] == [POST.body] * 2
            assert "secret" not in repr(clients[0].prepare(GET))

    @pytest.mark.parametrize(
        ("request_", "words"),
        [
            (Request("GET", "/a b", {}), "the path holds"),
            (Request("GET", "/", {"connection": "close"}), "connection is set by"),
            (Request("GET", "/", {"keep-alive": "1"}), "keep-alive does not exist in HTTP/2"),
        ],
    )
    def test_what_is_never_sent(self, request_: Request, words: str) -> None:
        with talking(Http2Request.answer) as ([client], server):
            failed = failure(client, request_)
            assert (failed.outcome, server.connections) == (Outcome.UNSENT, 0)
            assert words in str(failed)


class TestStreamLimit:
    def test_what_waits_for_a_stream_is_not_sent_yet(self) -> None:
        first_is_there, may_answer = threading.Event(), threading.Event()

        def script(asked: Http2Request) -> None:
            first_is_there.set()
            may_answer.wait(30)
            asked.answer()

        settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
        with talking(script, clients=3, settings=settings) as (clients, server):
            jobs = [gevent.spawn(client.send, GET) for client in clients]
            while not first_is_there.is_set():
                gevent.sleep(0.001)
            gevent.sleep(0)
            assert [client.sent_ns > 0 for client in clients] == [True, False, False]
            may_answer.set()
            assert [job.get().body for job in jobs] == [BODY] * 3
            times = [(client.sent_ns, client.done_ns) for client in clients]
            assert times == sorted(times)
            for (_, done_ns), (sent_ns, _) in pairwise(times):
                assert done_ns <= sent_ns
            assert (server.connections, len(server.requests)) == (1, 3)

    def test_one_that_gives_up_waiting_lets_the_next_one_go(self) -> None:
        release = threading.Event()

        def script(asked: Http2Request) -> None:
            if asked.path == "/slow":
                release.wait(30)
            asked.answer()

        settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
        with talking(script, clients=3, settings=settings) as (clients, server):
            slow = gevent.spawn(clients[0].send, Request("GET", "/slow", {}))
            while not clients[0].sent_ns:
                gevent.sleep(0.001)
            gone = gevent.spawn(outcome_of, clients[1])
            last = gevent.spawn(clients[2].send, GET)
            gevent.sleep(0.01)
            clients[1].close()
            assert gone.get() == (Outcome.CONNECTION, "closed on this side")
            assert clients[1].sent_ns == 0
            release.set()
            assert [slow.get().body, last.get().body] == [BODY, BODY]
            assert len(server.requests) == 2

    def test_a_limit_that_is_raised_is_used(self) -> None:
        def script(asked: Http2Request) -> None:
            held.append(asked)
            if len(held) == 1:
                asked.peer.allow(5)
            if len(held) == 5:
                for one in held:
                    one.answer()

        held: list[Http2Request] = []
        settings = {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
        with talking(script, clients=5, settings=settings) as (clients, _):
            jobs = [gevent.spawn(client.send, GET) for client in clients]
            assert [job.get().body for job in jobs] == [BODY] * 5


class TestHttp2Ends:
    def test_a_reset_fails_one_stream_alone(self) -> None:
        def some(held: list[Http2Request]) -> None:
            held[0].reset(ErrorCodes.ENHANCE_YOUR_CALM)
            held[1].reset(ErrorCodes.REFUSED_STREAM)
            held[2].answer()

        with talking(together(3, some), clients=3) as (clients, server):
            jobs = [gevent.spawn(outcome_of, client) for client in clients]
            words = "stream reset by the server: "
            found = [job.get() for job in jobs]
            assert found[0] == (Outcome.RESET, words + "ENHANCE_YOUR_CALM")
            assert found[1] == (Outcome.RESET, words + "REFUSED_STREAM")
            assert found[2].body == BODY
            assert server.connections == 1

    def test_goaway_fails_what_the_server_leaves_and_no_other(self) -> None:
        def leave_two(held: list[Http2Request]) -> None:
            peer = held[0].peer
            peer.go_away(held[1].number)
            held[0].answer()
            held[1].answer(bytes(100_000))

        def script(asked: Http2Request) -> None:
            if asked.path == "/again":
                asked.answer()
            else:
                leaving(asked)

        leaving = together(4, leave_two)
        with talking(script, clients=4) as (clients, server):
            jobs = [gevent.spawn(outcome_of, client) for client in clients]
            found = [job.get() for job in jobs]
            assert [one.body for one in found[:2]] == [BODY, bytes(100_000)]
            gone = (Outcome.CLOSED, "the server ended the connection (GOAWAY: NO_ERROR)")
            assert found[2:] == [gone, gone]
            for client in clients:
                assert client.send(Request("GET", "/again", {})).body == BODY
            opened = [(client.opened, client.reconnected) for client in clients]
            assert opened == [(1, 1), (0, 0), (0, 0), (0, 0)]
            assert server.connections == 2

    def test_a_connection_that_ends_fails_all_that_is_under_way(self) -> None:
        with talking(together(3, lambda held: held[0].peer.close()), clients=3) as (clients, _):
            jobs = [gevent.spawn(outcome_of, client) for client in clients]
            found = {job.get() for job in jobs}
            assert found <= {
                (Outcome.CLOSED, "closed by the server before the answer"),
                (Outcome.RESET, "reset by the server before the answer"),
            }

    def test_a_connection_that_ends_while_a_body_waits_for_the_server(self) -> None:
        with talking(
            Http2Request.answer, settings=NO_WINDOW, at_head=lambda asked: asked.peer.close()
        ) as ([client], _):
            assert failure(client, POST).outcome in {Outcome.CLOSED, Outcome.RESET}

    def test_an_answer_before_the_body_was_read(self) -> None:
        def refuse(asked: Http2Request) -> None:
            if asked.headers[":method"] == "POST":
                asked.answer(b"too much", 413)

        with talking(Http2Request.answer, settings=NO_WINDOW, at_head=refuse) as ([client], server):
            for _ in range(2):
                reply = client.send(POST)
                assert (reply.status, reply.body) == (413, b"too much")
            assert client.send(GET).body == BODY
            assert server.connections == 1

    def test_a_connection_that_ended_while_idle_is_replaced(self) -> None:
        def script(asked: Http2Request) -> None:
            asked.answer()
            if asked.path == "/last":
                asked.peer.go_away(asked.number)
                asked.peer.close()

        with talking(script) as ([client], server):
            client.send(Request("GET", "/last", {}))
            connection = client._shared.connection
            while connection and connection.is_usable:
                gevent.sleep(0.001)
            assert client.send(POST).body == BODY
            assert (client.opened, client.reconnected) == (1, 1)
            assert (server.connections, len(server.requests)) == (2, 2)

    def test_a_request_that_takes_too_long_is_reset_and_the_others_go_on(self) -> None:
        def script(asked: Http2Request) -> None:
            if asked.path != "/never":
                asked.answer()

        limits = Limits(total_s=30, first_byte_s=0.1)
        with talking(script, clients=2, limits=limits) as (clients, server):
            failed = failure(clients[0], Request("GET", "/never", {}))
            assert failed.outcome is Outcome.FIRST_BYTE_TIMEOUT
            assert str(failed) == "no byte of an answer within 0.1 s"
            assert server.resets.acquire(timeout=30)
            for client in clients:
                assert client.send(GET).body == BODY
            assert server.connections == 1

    def test_the_time_for_all_counts_from_the_start(self) -> None:
        def script(asked: Http2Request) -> None:
            asked.peer.state.send_headers(asked.number, [(":status", "200")])

        limits = Limits(total_s=0.3, first_byte_s=0.2)
        with talking(script, limits=limits) as ([client], _):
            failed = failure(client)
            assert (failed.outcome, failed.status) == (Outcome.TIMEOUT, 200)
            assert str(failed) == "no whole answer within 0.3 s"

    def test_a_body_beyond_its_bound(self) -> None:
        limits = Limits(total_s=30, max_body_bytes=1000)
        with talking(lambda asked: asked.answer(bytes(1001)), limits=limits) as ([client], server):
            for _ in range(2):
                failed = failure(client)
                assert (failed.outcome, failed.status) == (Outcome.TOO_LARGE, 200)
            assert server.connections == 1


class TestNoHttp2:
    def test_a_server_that_offers_only_http_1_1(self, authority: Authority) -> None:
        tls = authority.server("127.0.0.1")
        with ByteServer(always(answer(BODY)), tls=tls).serving() as server:
            target = Target("a", "http", server.url, TlsFiles(authority.ca_file))
            with (
                UntimedClient(target, RaceConfig(protocol="h2")) as client,
                pytest.raises(BackendError, match="does not offer h2 by ALPN") as error,
            ):
                client.send(GET)
            assert not server.requests
        assert "race.protocol" in (error.value.fix or "")

    def test_a_server_that_does_not_know_it(self) -> None:
        with ByteServer(always(answer(BODY))).serving() as server:
            shared = SharedConnection(server.url, PATIENT, NO_FILES)
            failed = failure(Http2Client(shared))
        assert failed.outcome is Outcome.MALFORMED
        assert str(failed) == "malformed HTTP/2: it does not begin with settings"

    def test_untimed_requests_speak_it_too(self) -> None:
        script = lambda asked: asked.answer(b"", 301, {"location": "/Login"})  # noqa: E731
        with Http2Server(script).serving() as server:
            target = Target("a", "http", server.url)
            with UntimedClient(target, RaceConfig(protocol="h2")) as client:
                assert client.send(GET).redirect == f"{server.url}/Login"
