"""Answers whose heads are known are read as if they were not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from dragstrip.load.http.head_cache import KnownHeads
from dragstrip.load.http.parser import CONTENT_TYPE, AnswerParser, Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

BODIES = (b"", b"{}", b"x" * 40)


def head(length: int | None, *extra: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *extra]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


ANSWERS = [
    *(head(len(body)) + body for body in BODIES),
    head(2) + b"{",
    head(2) + b"{}HTTP/1.1 200 X\r\n\r\n",
    head(2, "Connection: close") + b"{}",
    head(2, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    head(None, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    head(None, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    head(None) + b"{}",
    head(None, status=204),
    head(2, status=304),
    head(2, status=500) + b"no",
    head(2).replace(b"Length: 2", b"Length: +2") + b"{}",
    b"HTTP/1.1 100 Continue\r\n\r\n" + head(2) + b"{}",
    b"HTTP/1.0 200 X\r\nContent-Length: 2\r\n\r\n{}",
    b"ICY 200 X\r\nContent-Length: 2\r\n\r\n{}",
    head(41) + b"y" * 41,
]


def outcome_of(parser: AnswerParser, pieces: Sequence[bytes]) -> object:
    """Return all that a reader could see of an answer."""
    parser.begin()
    try:
        for piece in pieces:
            parser.feed(piece)
            if parser.done:
                break
    except (Malformed, TooLarge) as error:
        return type(error), str(error)
    seen = (parser.done, parser.reusable, parser.status, parser.size, parser.received, parser.head)
    return seen, parser.body(), parser.header(CONTENT_TYPE), parser.progress()


def new_parser(heads: KnownHeads, most: int = 40) -> AnswerParser:
    return AnswerParser(max_head_bytes=500, max_body_bytes=most, heads=heads)


@given(
    st.lists(st.tuples(st.sampled_from(ANSWERS), st.integers(0, 120)), min_size=1, max_size=30),
    st.integers(1, 4),
)
def test_known_heads_change_nothing_but_the_time(
    answers: list[tuple[bytes, int]], most: int
) -> None:
    heads = KnownHeads(most)
    parser = new_parser(heads)
    for answer, cut in answers:
        pieces = [answer[:cut], answer[cut:]] if 0 < cut < len(answer) else [answer]
        never = KnownHeads()
        never.learning = False
        found = outcome_of(parser, pieces)
        assert found == outcome_of(new_parser(never), pieces)
        # A connection goes on with its parser only after a whole answer that allows for it.
        if not (parser.done and parser.reusable):
            parser = new_parser(heads)


def test_a_head_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    parse = AnswerParser._parse

    def noted(self: AnswerParser, data: bytes) -> None:
        parsed.append(data)
        parse(self, data)

    monkeypatch.setattr(AnswerParser, "_parse", noted)
    parser = new_parser(KnownHeads())
    one, other = head(2) + b"{}", head(2) + b"[]"
    for answer in (one, other, one):
        outcome_of(parser, [answer])
    assert parsed == [one]
    assert parser.body() == b"{}"


def test_a_known_head_does_not_lift_another_connections_bound() -> None:
    heads = KnownHeads()
    answer = head(40) + b"x" * 40
    outcome_of(new_parser(heads), [answer])
    refused = outcome_of(new_parser(heads, most=39), [answer])
    assert refused == (TooLarge, "the body is longer than 39 bytes")


def test_heads_that_never_come_again_are_no_longer_remembered() -> None:
    heads = KnownHeads(most=50)
    parser = new_parser(heads)
    for number in range(60):
        outcome_of(parser, [head(2, f"Date: {number}") + b"{}"])
    assert not heads.learning

    heads = KnownHeads(most=50)
    parser = new_parser(heads)
    for number in range(500):
        outcome_of(parser, [head(2, f"Date: {number // 10}") + b"{}"])
    assert heads.learning
    assert len(heads._heads) <= 50
