"""HTTPS: who is trusted, and what TLS adds to the ends of connections."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.config.config import RaceConfig, TargetConfig
from dragstrip.errors import BackendError, ConfigError
from dragstrip.ledger.rows import Outcome
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.timeouts import Limits
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.scenario import Request, Target
from dragstrip.tls import TlsFiles
from tests.support.byte_server import ByteConnection, ByteServer, answer
from tests.support.certificates import Authority
from tests.support.talking import BODY, GET, PATIENT, always, failure, once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@contextmanager
def talking_tls(
    authority: Authority,
    script: Callable[[ByteConnection, int], Any],
    *,
    name: str = "127.0.0.1",
    host: str | None = None,
    tls: ssl.SSLContext | None = None,
    files: TlsFiles | None = None,
    limits: Limits = PATIENT,
) -> Iterator[tuple[Connection, ByteServer]]:
    tls = tls or authority.server(name)
    with ByteServer(script, tls=tls).serving() as server:
        url = f"https://{host or name}:{server.port}"
        connection = Connection(url, limits, files=files or TlsFiles(authority.ca_file))
        try:
            yield connection, server
        finally:
            connection.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_kept_alive(authority: Authority, name: str, version: ssl.TLSVersion) -> None:
    tls = authority.server(name)
    tls.maximum_version = version
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, server_name, _context: names.append(server_name)
    with talking_tls(authority, always(answer(BODY)), name=name, tls=tls) as (connection, server):
        for _ in range(5):
            assert connection.send(GET).body == BODY
            connection.done_ns = 0
        # Session tickets come unasked, and are no reason to hang up.
        assert (server.connections, connection.opened) == (1, 0)
    assert names == [None if name == "127.0.0.1" else name]


def test_long_bodies_both_ways(authority: Authority) -> None:
    body = bytes(range(256)) * 4000
    with talking_tls(authority, always(answer(body))) as (connection, server):
        for _ in range(2):
            assert connection.send(Request("POST", "/", {}, body)).body == body
        assert [request.endswith(body) for request in server.requests] == [True, True]
        assert server.connections == 1


class TestTrust:
    def test_an_unknown_authority(self, authority: Authority) -> None:
        with ByteServer(always(b""), tls=authority.server("127.0.0.1")).serving() as server:
            failed = failure(Connection(server.url, PATIENT))
            assert not server.requests
        assert failed.outcome is Outcome.TLS
        assert str(failed).startswith("TLS: the certificate is not trusted: ")

    def test_another_name(self, authority: Authority) -> None:
        with talking_tls(authority, always(b""), host="localhost") as (connection, server):
            failed = failure(connection)
            assert not server.requests
        assert "not valid for 'localhost'" in str(failed)

    def test_expired(self, authority: Authority) -> None:
        tls = authority.server("127.0.0.1", days=-1)
        with talking_tls(authority, always(b""), tls=tls) as (connection, server):
            assert "expired" in str(failure(connection))
            assert not server.requests

    def test_a_file_without_certificates(self, tmp_path: Path) -> None:
        empty = tmp_path / "empty.pem"
        empty.touch()
        for path in [empty, tmp_path / "absent.pem", tmp_path]:
            with pytest.raises(ConfigError, match="cannot read certificates"):
                Connection("https://127.0.0.1:1", PATIENT, files=TlsFiles(path))

    def test_untimed_requests_trust_the_same(self, authority: Authority, tmp_path: Path) -> None:
        with ByteServer(once(answer(BODY)), tls=authority.server("127.0.0.1")).serving() as server:
            target = Target("a", "http", server.url, TlsFiles(authority.ca_file))
            with UntimedClient(target, RaceConfig()) as client:
                assert client.send(GET).reply.body == BODY
            stranger = replace(target, tls_files=TlsFiles())
            with (
                UntimedClient(stranger, RaceConfig()) as client,
                pytest.raises(BackendError, match="the certificate is not trusted") as error,
            ):
                client.send(GET)
            assert "targets.a.ca_file" in str(error.value.fix)
            lost = replace(target, tls_files=TlsFiles(tmp_path / "absent.pem"))
            with (
                UntimedClient(lost, RaceConfig()) as client,
                pytest.raises(ConfigError, match="cannot read certificates"),
            ):
                client.send(GET)


class TestClientCertificate:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_is_presented_where_it_is_asked_for(
        self, authority: Authority, version: ssl.TLSVersion
    ) -> None:
        files = TlsFiles(authority.ca_file, *authority.client())
        tls = _asking(authority, version)
        with talking_tls(authority, always(answer(BODY)), tls=tls, files=files) as (connection, _):
            for _ in range(2):
                assert connection.send(GET).body == BODY

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_without_one_the_server_refuses(
        self, authority: Authority, version: ssl.TLSVersion
    ) -> None:
        tls = _asking(authority, version)
        with talking_tls(authority, always(answer(BODY)), tls=tls) as (connection, server):
            failed = failure(connection)
            assert not server.requests
        assert failed.outcome is Outcome.TLS
        assert "TLS: " in str(failed)

    def test_is_checked_with_the_configuration(self, authority: Authority, tmp_path: Path) -> None:
        cert_file, key_file = authority.client()
        both = TargetConfig(cert_file=cert_file, key_file=key_file)
        assert both.tls_files == TlsFiles(None, cert_file, key_file)
        assert TargetConfig(cert_file=_joined(tmp_path, cert_file, key_file)).key_file is None

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"key_file": "own"}, "key_file needs cert_file"),
            ({"cert_file": "absent"}, "cannot read .*absent.pem: No such file"),
            ({"cert_file": "own", "key_file": "absent"}, "cannot read .*absent.pem: No such file"),
            ({"cert_file": "own"}, "holds no PEM certificate and its key"),
            ({"cert_file": "own", "key_file": "other"}, "key_file is not the key of the cert"),
            ({"cert_file": "own", "key_file": "locked"}, "no key without a password"),
        ],
    )
    def test_what_cannot_be_presented_is_refused(
        self, authority: Authority, tmp_path: Path, given: dict[str, str], words: str
    ) -> None:
        cert_file, key_file = authority.client()
        files = {
            "cert_file": {"own": cert_file},
            "key_file": {
                "own": key_file,
                "other": authority.client()[1],
                "locked": authority.client(password=b"secret")[1],
            },
        }
        paths = {
            name: files[name].get(which, tmp_path / "absent.pem") for name, which in given.items()
        }
        with pytest.raises(ValueError, match=words):
            TargetConfig.model_validate(paths)


def _asking(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    tls = authority.server("127.0.0.1")
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.minimum_version = tls.maximum_version = version
    return tls


def _joined(folder: Path, *parts: Path) -> Path:
    whole = folder / "whole.pem"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))
    return whole


class TestEnds:
    def test_announced(self, authority: Authority) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(answer(BODY, length=False))
            peer.shut_down_sending()

        with talking_tls(authority, script) as (connection, _):
            assert connection.send(GET).body == BODY

    def test_unannounced_is_a_body_cut_off(self, authority: Authority) -> None:
        with talking_tls(authority, once(answer(BODY, length=False))) as (connection, _):
            failed = failure(connection)
        assert failed.outcome is Outcome.CLOSED
        assert str(failed) == "TLS: cut off without notice inside the body, after 14 bytes"

    def test_while_idle_is_a_stale_connection(self, authority: Authority) -> None:
        with talking_tls(authority, once(answer(BODY))) as (connection, server):
            connection.send(GET)
            server.wait_for_end_of_script()
            connection.done_ns = 0
            assert connection.send(GET).body == BODY
            assert connection.opened == 1

    def test_instead_of_an_answer_is_a_failure(self, authority: Authority) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.answer(answer(BODY))
            peer.request()

        with talking_tls(authority, script) as (connection, server):
            connection.send(GET)
            failed = failure(connection)
            assert failed.outcome is Outcome.CLOSED
            assert str(failed) == "TLS: cut off without notice before the answer"
            assert (len(server.requests), connection.opened) == (2, 0)

    @pytest.mark.parametrize("extra", [b"X", answer(b"another's")])
    def test_bytes_after_the_answer(self, authority: Authority, extra: bytes) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            while True:
                peer.request()
                with peer.in_one_packet():
                    peer.send(answer(BODY), extra)

        with talking_tls(authority, script) as (connection, server):
            for _ in range(3):
                assert connection.send(GET).body == BODY
            assert server.connections == 3


class TestHandshake:
    def test_with_a_server_that_says_nothing(self) -> None:
        with ByteServer(lambda peer, _: peer.wait_closed()).serving() as server:
            url = server.url.replace("http:", "https:")
            failed = failure(Connection(url, Limits(30, connect_s=0.05)))
        assert (failed.outcome, str(failed)) == (
            Outcome.CONNECT_TIMEOUT,
            "no connection within 0.05 s",
        )

    @pytest.mark.parametrize(
        ("said", "words"),
        [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "TLS: "), (b"", "TLS: cut off without notice")],
    )
    def test_with_a_server_that_speaks_no_tls(self, said: bytes, words: str) -> None:
        def script(peer: ByteConnection, _: int) -> None:
            peer.send(said)
            peer.shut_down_sending()
            peer.wait_closed()

        with ByteServer(script).serving() as server:
            failed = failure(Connection(server.url.replace("http:", "https:"), PATIENT))
        assert failed.outcome is Outcome.TLS
        assert str(failed).startswith(words)

    def test_plain_http_to_a_tls_port(self, authority: Authority) -> None:
        with ByteServer(always(b""), tls=authority.server("127.0.0.1")).serving() as server:
            failed = failure(Connection(server.url.replace("https:", "http:"), PATIENT))
        assert failed.outcome in {Outcome.RESET, Outcome.CLOSED}
