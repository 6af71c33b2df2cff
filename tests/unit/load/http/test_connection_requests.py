"""What goes out: the bytes of a request, where it goes, and what is never sent."""

from __future__ import annotations

import socket
import time

import pytest

from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.address import Address
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.connection import Connection
from dragstrip.scenario import Request
from tests.support.byte_server import answer
from tests.support.talking import BODY, GET, PATIENT, POST, always, failure, talking


class TestWire:
    def test_get(self) -> None:
        with talking(always(answer(BODY))) as (connection, server):
            connection.send(GET)
            assert server.requests == [
                b"GET /lookup?phone=62 HTTP/1.1\r\n"
                b"host: 127.0.0.1:%d\r\n"
                b"user-agent: dragstrip\r\naccept: application/json\r\n"
                b"accept-encoding: identity\r\n"
                b"x-api-key: secret-0123456789\r\n\r\n" % server.port
            ]

    def test_post(self) -> None:
        with talking(always(answer(BODY))) as (connection, server):
            connection.send(POST)
            connection.send(Request("POST", "/empty", {}))
            assert server.requests[0].endswith(
                b'content-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}'
            )
            assert server.requests[1].endswith(b"content-length: 0\r\n\r\n")

    def test_headers_of_one_request_do_not_leak_into_the_next(self) -> None:
        with talking(always(answer(BODY))) as (connection, server):
            headers = {"X-Request-Id": "1"}
            connection.send(Request("GET", "/", headers))
            headers["X-Request-Id"] = "2"
            connection.send(Request("GET", "/", headers))
            connection.send(
                Request("GET", "/", {"Accept": "text/html", "Accept-Encoding": "br, zstd"})
            )
        assert [b"x-request-id: 1" in r for r in server.requests] == [True, False, False]
        assert [b"x-request-id: 2" in r for r in server.requests] == [False, True, False]
        assert [r.count(b"accept: ") for r in server.requests] == [1, 1, 1]
        assert b"accept: text/html" in server.requests[2]
        assert b"accept-encoding: br, zstd\r\n" in server.requests[2]
        assert b"identity" not in server.requests[2]

    def test_prepared_once_and_sent_by_many(self) -> None:
        with talking(always(answer(BODY))) as (connection, server):
            other = Connection(server.url, PATIENT)
            for request in [GET, POST]:
                prepared = connection.prepare(request)
                for sender in [connection, other, connection]:
                    assert sender.send(prepared).body == BODY
                connection.send(request)
            assert len(set(server.requests)) == 2
            assert server.connections == 2
            assert "secret" not in repr(prepared)
            other.close()

    def test_prepared_for_one_address_is_never_sent_to_another(self) -> None:
        with talking(always(answer(BODY))) as (connection, server):
            for url in [
                "http://127.0.0.1:1",
                server.url + "/base",
                f"http://localhost:{server.port}",
            ]:
                prepared = Connection(url, PATIENT).prepare(GET)
                with pytest.raises(ValueError, match="another address"):
                    connection.send(prepared)
            assert not server.requests
            assert connection.send(GET).body == BODY

    def test_base_path(self) -> None:
        with talking(always(answer(BODY)), prefix="/base/path/") as (connection, server):
            connection.send(GET)
            assert server.requests[0].startswith(b"GET /base/path/lookup?phone=62 HTTP/1.1\r\n")

    def test_ipv6(self) -> None:
        if not _has_ipv6():
            pytest.skip("no IPv6 loopback on this machine")
        with talking(always(answer(BODY)), host="::1") as (connection, server):
            assert connection.send(GET).body == BODY
            assert b"\r\nhost: [::1]:%d\r\n" % server.port in server.requests[0]

    def test_a_name_with_several_addresses(self) -> None:
        with talking(always(answer(BODY))) as (_, server):
            connection = Connection(f"http://localhost:{server.port}", PATIENT)
            assert connection.send(GET).body == BODY
            connection.close()

    def test_times_are_in_order(self) -> None:
        with talking(always(answer(BODY))) as (connection, _):
            for _ in range(3):
                before = time.monotonic_ns()
                connection.send(GET)
                times = [connection.sent_ns, connection.first_byte_ns, connection.done_ns]
                times = [before, *times, time.monotonic_ns()]
                assert times == sorted(times)


class TestNeverSent:
    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            (Request("GET", "/", {"x-api-key": "secret\r\nevil: 1"}), "x-api-key holds a line"),
            (Request("GET", "/", {"x-api-key": "secret\nevil: 1"}), "x-api-key holds a line"),
            (Request("GET", "/", {"x-api-key": "secret\0"}), "x-api-key holds a line break"),
            (Request("GET", "/", {"x-api-key": "secret\u2028"}), "x-api-key holds a line break"),
            (Request("GET", "/", {"evil: 1\r\nx": "secret"}), "name is not a token"),
            (Request("GET", "/", {"": "secret"}), "name is not a token"),
            (Request("GET", "/", {"Content-Length": "1"}), "content-length is set by"),
            (Request("GET", "/", {"transfer-encoding": "chunked"}), "transfer-encoding is set by"),
            (Request("GET", "/", {"Host": "elsewhere"}), "host is set by"),
            (Request("GET", "/ HTTP/1.1\r\nevil: 1", {}), "path holds"),
            (Request("GET", "/a b", {}), "path holds"),
            (Request("GET", "/ä", {}), "path holds"),
            (Request("GET", "relative", {}), "path holds"),
            (Request("GET", "", {}), "path holds"),
            (Request("GET /\r\n", "/", {}), "method"),
            (Request("TRACE", "/", {}), "method 'TRACE' is not supported"),
        ],
    )
    def test_what_would_change_the_meaning(self, sent: Request, words: str) -> None:
        with talking(always(answer(BODY))) as (connection, server):
            failed = failure(connection, sent)
            assert failed.outcome is Outcome.UNSENT
            assert words in str(failed)
            assert "secret" not in str(failed)
            with pytest.raises(SendFailed, match=words):
                connection.prepare(sent)
            assert server.connections == 0
            assert connection.send(GET).body == BODY

    def test_secrets_stay_out_of_words(self) -> None:
        connection = Connection("http://127.0.0.1:1", PATIENT)
        failed = failure(connection)
        for words in [str(failed), repr(failed), repr(connection), repr(vars(failed))]:
            assert "secret" not in words


class TestAddress:
    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("http://example.com", Address("example.com", 80, False, "example.com", "")),
            ("http://example.com:80/", Address("example.com", 80, False, "example.com", "")),
            ("https://example.com", Address("example.com", 443, True, "example.com", "")),
            ("https://example.com:80", Address("example.com", 80, True, "example.com:80", "")),
            ("HTTP://Example.COM:81", Address("example.com", 81, False, "example.com:81", "")),
            ("http://[::1]:3000/x/y/", Address("::1", 3000, False, "[::1]:3000", "/x/y")),
            ("http://[0:0::1]", Address("::1", 80, False, "[::1]", "")),
            ("http://ä.example", Address("xn--4ca.example", 80, False, "xn--4ca.example", "")),
        ],
    )  # fmt: skip
    def test_is_taken_apart(self, url: str, address: Address) -> None:
        assert Address.parse(url) == address

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "example.com",
            "ftp://example.com",
            "http://",
            "http://:80",
            "http://example.com:0",
            "http://example.com:65536",
            "http://example.com:x",
            "http://user:secret@example.com",
            "http://example.com?secret",
            "http://example.com#secret",
            "http://exa mple.com",
            "http://example.com/\r\nevil: secret",
            "http://exam\nple.com",
            "http://[::1",
            "http://[::g]",
            "http://exam%0aple.com",
            "http://example.com/ä",
        ],
    )
    def test_or_refused(self, url: str) -> None:
        with pytest.raises(ConfigError) as caught:
            Connection(url, PATIENT)
        assert "secret" not in str(caught.value)


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True
