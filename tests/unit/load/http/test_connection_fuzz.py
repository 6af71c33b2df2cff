"""Whatever bytes come, in whatever pieces: the same answer, or one clear failure."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import brotli
import h11
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import decompress
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.connection import Connection
from dragstrip.load.http.decompress import zstd
from dragstrip.load.http.parser import (
    CONTENT_TYPE,
    SERVER_TIMING,
    AnswerParser,
    Malformed,
    TooLarge,
)
from dragstrip.load.http.timeouts import Limits
from tests.support.byte_server import ByteConnection, ByteServer, answer, chunked
from tests.support.talking import GET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.scenario.check import Reply

MAX_BODY_BYTES = 4096
MAX_HEAD_BYTES = 4096


class Read(NamedTuple):
    status: int
    content_type: str
    server_timing: str
    body: bytes
    reusable: bool


def read(pieces: list[bytes], *, closed: bool) -> Read | str:
    """Return what the parser makes of the pieces: an answer, a refusal, or "unfinished"."""
    parser = AnswerParser(max_head_bytes=MAX_HEAD_BYTES, max_body_bytes=MAX_BODY_BYTES)
    try:
        for piece in pieces:
            parser.feed(piece)
            if parser.done:
                break
    except (Malformed, TooLarge) as error:
        return f"{type(error).__name__}"
    if not parser.done and not (closed and parser.finish()):
        return "unfinished"
    return Read(
        parser.status,
        parser.header(CONTENT_TYPE),
        parser.header(SERVER_TIMING),
        parser.body(),
        parser.reusable,
    )


bodies = st.one_of(st.binary(max_size=200), st.just(b'{"found":true}'), st.just(b"\r\n\r\n"))
tokens = st.text("abcdefXYZ-0123", min_size=1, max_size=12)
extra_headers = st.lists(
    st.one_of(
        st.builds(lambda name, value: f"X-{name}: {value}", tokens, tokens | st.just("")),
        st.sampled_from(
            ["Server-Timing: query;dur=1", "Date: x", "Set-Cookie: a=b", "CONNECTION: keep-alive"]
        ),
    ),
    max_size=5,
)
interims = st.lists(
    st.sampled_from(
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nContent-Type: x\r\n\r\n"]
    ),
    max_size=2,
).map(b"".join)


@st.composite
def framed_answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Return a valid answer with a length or in chunks, and its body."""
    headers = draw(extra_headers)
    if draw(st.booleans()):
        body = draw(bodies)
        wire = answer(body, *headers, status=draw(st.sampled_from(["200 OK", "404 Not Found"])))
    else:
        pieces = draw(st.lists(bodies.filter(bool), max_size=4))
        body = b"".join(pieces)
        trailers = draw(st.sampled_from([b"", b"Content-Type: text/html\r\nX: y\r\n"]))
        wire = chunked(*pieces, headers=tuple(headers), trailers=trailers)
    return draw(interims) + wire, body


def cut(wire: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(wire) + 1) for place in places} | {0, len(wire)})
    return [wire[start:end] for start, end in pairwise(ends)]


@given(framed_answers(), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_split_reads_the_same(framed: tuple[bytes, bytes], places: list[int]) -> None:
    wire, body = framed
    whole = read([wire], closed=False)
    assert isinstance(whole, Read)
    assert (whole.body, whole.content_type, whole.reusable) == (body, "application/json", True)
    assert read(cut(wire, places), closed=False) == whole
    assert read([wire[place : place + 1] for place in range(len(wire))], closed=False) == whole


@given(framed_answers(), st.integers(0, 10_000))
def test_a_cut_answer_is_never_taken(framed: tuple[bytes, bytes], place: int) -> None:
    wire, _ = framed
    assert read([wire[: place % len(wire)]], closed=True) == "unfinished"


@st.composite
def mutated_answers(draw: st.DrawFn) -> bytes:
    wire = bytearray(draw(framed_answers())[0])
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(wire)))
        length = draw(st.integers(0, 8))
        wire[place : place + length] = draw(
            st.binary(max_size=6)
            | st.sampled_from(
                [b"\r\n", b"\r\n\r\n", b"\n", b"0", b"-1", b": ", b"chunked", b"\0", b"HTTP/1.1 "]
            )
            | st.just(bytes(wire[place : place + 40]))
        )
    return bytes(wire)


odd_answers = st.one_of(
    mutated_answers(),
    st.binary(max_size=300),
    st.binary(max_size=300).map(lambda junk: b"HTTP/1.1 200 OK\r\n" + junk),
    st.binary(max_size=300).map(lambda junk: chunked()[:-5] + junk),
)


@settings(max_examples=500)
@given(odd_answers, st.lists(st.integers(0, 10_000), max_size=6))
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 100 C\r\n\r\n", [])
@example(b"HTTP/1.1 100 C\r\nContent-Length: 2\r\n\r\nok" + answer(b"{}"), [])
@example(b"HTTP/1.1 100 C\r\n\r\n\r\n" + answer(b"{}"), [25])
@example(b"HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", [])
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\nok", [])
def test_odd_bytes_are_refused_or_agree_with_another_reader(wire: bytes, places: list[int]) -> None:
    ours = read([wire], closed=True)
    split = read(cut(wire, places), closed=True)
    if isinstance(ours, str) or isinstance(split, str):
        # A split may reveal an error after the answer's end only later, but no other answer.
        assert isinstance(ours, str) == isinstance(split, str)
        return
    assert ours[:4] == split[:4]
    theirs = read_with_h11(wire)
    if theirs is not None:
        assert (ours.status, ours.body) == theirs


def read_with_h11(wire: bytes) -> tuple[int, bytes] | None:
    """Return (status, body) as h11 reads them, or None when it refuses."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(wire)
    connection.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None


_CODINGS = ["gzip", "deflate", "br", "zstd", "identity", ""]
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@given(st.binary(max_size=2000), st.sampled_from(_CODINGS))
def test_any_body_decodes_to_bounded_bytes_or_is_refused(body: bytes, encoding: str) -> None:
    try:
        decoded = decompress.decode(body, encoding, 3000)
    except (Malformed, TooLarge):
        return
    assert len(decoded) <= 3000


@given(st.binary(max_size=500), st.integers(0, 10_000), st.sampled_from([*_PACKERS]))
def test_a_cut_compressed_body_is_never_taken(body: bytes, place: int, coding: str) -> None:
    packed = _PACKERS[coding](body)
    assert decompress.decode(packed, coding, 1000) == body
    with pytest.raises(Malformed):
        decompress.decode(packed[: place % len(packed)], coding, 1000)


@pytest.mark.parametrize(
    ("coding", "members"), [("gzip", 1), ("gzip", 2), ("br", 1), ("zstd", 1), ("zstd", 2)]
)
def test_a_bomb_costs_no_more_than_the_bound(coding: str, members: int) -> None:
    bomb = _PACKERS[coding](bytes(1 << 26))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decompress.decode(bomb * members, coding, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_body_of_empty_members_is_refused() -> None:
    with pytest.raises(Malformed, match="members"):
        decompress.decode(gzip.compress(b"") * 50_000, "gzip", 1 << 20)


class FuzzedWire:
    """What the server is to send next."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[FuzzedWire, Connection]]:
    wire = FuzzedWire()

    def script(peer: ByteConnection, _: int) -> None:
        peer.answer(*wire.pieces)
        peer.shut_down_sending()
        peer.wait_closed()

    with ByteServer(script).serving() as server:
        limits = Limits(30, max_body_bytes=MAX_BODY_BYTES, max_head_bytes=MAX_HEAD_BYTES)
        connection = Connection(server.url, limits)
        yield wire, connection
        connection.close()
    assert threading.active_count() < 100


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd=odd_answers, places=st.lists(st.integers(0, 10_000), max_size=4))
def test_on_a_socket_nothing_but_a_reply_or_a_failure(
    wire: tuple[FuzzedWire, Connection], odd: bytes, places: list[int]
) -> None:
    server, connection = wire
    server.pieces = cut(odd, places)
    expected = read([odd], closed=True)
    outcome = exchange(connection)
    # Each example begins afresh.
    connection.close()
    if isinstance(outcome, Outcome):
        assert outcome in {Outcome.MALFORMED, Outcome.TOO_LARGE, Outcome.CLOSED}
        assert isinstance(expected, str) or b"ncoding" in odd
    else:
        assert isinstance(expected, Read)
        assert outcome.body == expected.body


def exchange(connection: Connection) -> Reply | Outcome:
    try:
        return connection.send(GET)
    except SendFailed as failed:
        return failed.outcome
