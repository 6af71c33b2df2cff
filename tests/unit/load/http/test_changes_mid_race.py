"""What was right when a race began, and is not any more when a connection is opened anew."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import transport
from dragstrip.load.http.connection import Connection
from dragstrip.tls import TlsFiles
from tests.support.byte_server import ByteServer, answer
from tests.support.certificates import Authority
from tests.support.talking import BODY, GET, PATIENT, failure, once

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "days", "words"),
    [("127.0.0.1", -1, "expired"), ("other.test", 1, "IP address mismatch")],
)
def test_a_certificate_that_expires_or_is_of_another_host(
    tmp_path: Path, name: str, days: int, words: str
) -> None:
    authority = Authority(tmp_path)
    server = ByteServer(once(answer(BODY)), tls=authority.server("127.0.0.1"))
    with server.serving():
        connection = Connection(server.url, PATIENT, files=TlsFiles(authority.ca_file))
        assert connection.send(GET).body == BODY
        server.wait_for_end_of_script()
        # As if it had been idle: what follows an answer at once is not looked at before.
        connection.done_ns = 0
        server.tls = authority.server(name, days=days)
        failed = failure(connection)
        connection.close()
    assert failed.outcome is Outcome.TLS
    assert words in str(failed)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(socket.EAI_NONAME, Outcome.RESOLVE), (socket.EAI_AGAIN, Outcome.NAME_SERVER)],
)
def test_a_name_that_is_gone_or_a_name_server_that_is_down(
    monkeypatch: pytest.MonkeyPatch, code: int, outcome: Outcome
) -> None:
    with ByteServer(once(answer(BODY))).serving() as server:
        there = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
        monkeypatch.setattr(transport, "places_of", lambda _: [there])
        connection = Connection("http://target.test", PATIENT)
        assert connection.send(GET).body == BODY
        server.wait_for_end_of_script()
        # As if it had been idle: what follows an answer at once is not looked at before.
        connection.done_ns = 0

        def gone(_: Any) -> Any:
            raise socket.gaierror(code, "no such name")

        monkeypatch.setattr(transport, "places_of", gone)
        assert failure(connection).outcome is outcome
        connection.close()
