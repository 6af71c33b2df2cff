"""A race over HTTP/2, with TLS and a client certificate, between two servers of a test."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from dragstrip.ledger.rows import Outcome
from tests.support.byte_server import ByteServer, answer
from tests.support.certificates import Authority
from tests.support.endpoint_races import SHORT, racing
from tests.support.http2_server import Http2Request, Http2Server
from tests.support.talking import always

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.races import Raced


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def raced(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Raced, list[Http2Server]]]:
    place = tmp_path_factory.mktemp("race")
    cert_file, key_file = authority.client()
    (place / "ids.csv").write_text("id\n" + "".join(f"{number}\n" for number in range(50)))
    with ExitStack() as stack:
        servers = []
        for _ in range(2):
            tls = authority.server("127.0.0.1")
            tls.verify_mode = ssl.CERT_REQUIRED
            server = Http2Server(
                lambda asked: asked.answer(b'["%b"]' % asked.path.encode()), tls=tls
            )
            servers.append(stack.enter_context(server.serving()))
        race = stack.enter_context(
            racing(
                place,
                *(f"{server.url}/items/{{id}}" for server in servers),
                *("--data", "ids.csv", "--same-answers", "--protocol", "h2"),
                *("--ca-file", str(authority.ca_file)),
                *("--cert-file", str(cert_file), "--key-file", str(key_file)),
                toml=SHORT,
            )
        )
        yield race.wait(), servers


def test_comes_to_a_verdict_with_every_request_in_the_ledger(
    raced: tuple[Raced, list[Http2Server]],
) -> None:
    race, servers = raced
    race.require_sound()
    assert race.run.config["race"]["protocol"] == "h2"
    for number, server in enumerate(servers):
        mine = race.rows(number)
        assert set(mine["outcome"]) == {Outcome.OK}
        untimed = len(server.requests) - len(mine)
        assert 0 < untimed < 500 < len(server.requests)
        # One for the preflight's first question, one for its comparison, one for the race.
        assert server.connections <= 4
        assert int(mine["opened"].sum()) == 1


def test_a_side_that_does_not_speak_it_is_refused(authority: Authority, tmp_path: Path) -> None:
    tls = authority.server("127.0.0.1")
    with (
        Http2Server(Http2Request.answer, tls=authority.server("127.0.0.1")).serving() as h2,
        ByteServer(always(answer()), tls=tls).serving() as old,
        racing(
            tmp_path,
            *(old.url, h2.url),
            *("--protocol", "h2", "--ca-file", str(authority.ca_file)),
            toml=SHORT,
        ) as race,
    ):
        assert race.code == 2
        assert "target baseline" in race.errors
        assert "does not offer h2 by ALPN" in race.errors
        assert not old.requests


def test_a_file_needs_addresses_to_belong_to(tmp_path: Path) -> None:
    with racing(tmp_path, "--ca-file", "ca.pem") as race:
        assert race.code == 2
        assert "--ca-file is for two addresses" in race.errors
        assert "targets.NAME.ca_file" in race.errors
