"""Untimed requests: the same client as the timed ones, from any thread."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import brotli
import pytest

from dragstrip.config.config import RaceConfig
from dragstrip.errors import BackendError
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.scenario import Request, Target
from tests.support.byte_server import ByteConnection, ByteServer, answer
from tests.support.talking import BODY, GET, always, once, talking

if TYPE_CHECKING:
    from collections.abc import Callable


def asked(script: Callable[[ByteConnection, int], Any], race: RaceConfig | None = None) -> Any:
    with ByteServer(script).serving() as server:
        return answer_of(server, race)


def answer_of(server: ByteServer, race: RaceConfig | None = None) -> Any:
    target = Target("a", "http", server.url)
    with UntimedClient(target, race or RaceConfig()) as client:
        return client.send(GET)


def test_they_are_written_as_timed_ones_are() -> None:
    with talking(always(answer(BODY))) as (connection, server):
        connection.send(GET)
        answer_of(server)
        assert server.requests[0] == server.requests[1]


def test_they_read_what_timed_ones_read() -> None:
    wire = answer(brotli.compress(BODY), "Content-Encoding: br", "Server-Timing: total;dur=1")
    with talking(always(wire)) as (connection, server):
        assert answer_of(server).reply == connection.send(GET)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("/Lookup/", "/Lookup/"),
        ("Login?token=secret#x", "/Login"),
        ("https://elsewhere.test/Sign-In", None),
        ("", "/lookup"),
    ],
)
def test_a_redirect_is_named_and_not_followed(location: str, place: str | None) -> None:
    wire = answer(b"", f"LOCATION: {location} ", status="302 Found")
    with ByteServer(always(wire)).serving() as server:
        # The second answer's head is known by its bytes.
        target = Target("a", "http", server.url)
        with UntimedClient(target, RaceConfig()) as client:
            answers = [client.send(GET) for _ in range(2)]
        assert len(server.requests) == 2
    there = "https://elsewhere.test/Sign-In" if place is None else server.url + place
    for one in answers:
        assert one.redirect == there
        assert one.status_words == f"HTTP 302, a redirect to {there}"


def test_other_answers_are_no_redirects() -> None:
    found = asked(always(answer(BODY, "Location: /elsewhere", status="201 Created")))
    assert (found.redirect, found.status_words, found.text) == ("", "HTTP 201", BODY.decode())
    assert found.elapsed_s > 0


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]:
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with talking(always(answer(BODY))) as (connection, server):
        assert connection.send(GET) == answer_of(server).reply


class TestFailures:
    @pytest.mark.parametrize(
        ("script", "words", "fix"),
        [
            (once(b""), "gave no answer that can be read: closed by the server", "see its log"),
            (once(b"SSH-2.0\r\n"), "can be read: malformed answer: it does not begin", "correct"),
            (once(answer(bytes(1 << 21))), "can be read: the body is longer than", "correct"),
            (lambda peer, _: peer.wait_closed(), "did not answer: no byte", "race.timeout"),
        ],
    )
    def test_are_told_apart(
        self, script: Callable[[ByteConnection, int], Any], words: str, fix: str
    ) -> None:
        with pytest.raises(BackendError, match=f"target a at http://.* {words}") as error:
            asked(script, RaceConfig(timeout=0.5))
        assert fix in (error.value.fix or "")

    def test_what_cannot_be_sent(self) -> None:
        target = Target("a", "http", "http://127.0.0.1:1")
        with (
            UntimedClient(target, RaceConfig()) as client,
            pytest.raises(BackendError, match="was sent nothing: the path holds"),
        ):
            client.send(Request("GET", "/a b", {}))

    def test_the_next_request_finds_a_new_connection(self) -> None:
        def script(peer: ByteConnection, number: int) -> None:
            peer.answer(answer(BODY) if number > 1 else b"garbage\r\n\r\n")

        with (
            ByteServer(script).serving() as server,
            UntimedClient(Target("a", "http", server.url), RaceConfig()) as client,
        ):
            with pytest.raises(BackendError):
                client.send(GET)
            assert client.send(GET).reply.body == BODY


def test_threads_share_a_client_and_leave_nothing_behind() -> None:
    with ByteServer(always(answer(BODY))).serving() as server:
        # A process of its own, in which no thread is a greenlet, as in the commands.
        program = textwrap.dedent("""
            import os, sys, threading
            from concurrent.futures import ThreadPoolExecutor
            from dragstrip.config.config import RaceConfig
            from dragstrip.load.http.untimed import UntimedClient
            from dragstrip.scenario import Request, Target

            def round():
                with UntimedClient(Target("a", "http", sys.argv[1]), RaceConfig()) as client:
                    with ThreadPoolExecutor(4) as pool:
                        ask = lambda _: client.send(Request("GET", "/", {})).reply.status
                        assert list(pool.map(ask, range(40))) == [200] * 40
                return len(os.listdir("/proc/self/fd")), threading.active_count()

            assert "locust" not in sys.modules
            first, later = round(), [round() for _ in range(3)]
            assert later == [first] * 3, (first, later)
            client = UntimedClient(Target("a", "http", "http://127.0.0.1:1"), RaceConfig())
            with client:
                pass
        """)
        command = [sys.executable, "-c", program, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(server.requests) == 160
        assert server.connections <= 16
