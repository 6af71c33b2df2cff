"""Decides whether an answer is right: status, content type, and the whole body."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_REMEMBERED = 65_536


class Reply(NamedTuple):
    """What came back over the wire. Header names are asked for in lower case."""

    status: int
    content_type: str
    server_timing: str
    body: bytes


def oracle(answer: Callable[[int], Any]) -> Callable[[int], bytes]:
    """Return a function from a key to the canonical bytes of its answer; recent ones are kept."""

    @lru_cache(maxsize=_REMEMBERED)
    def expected(key: int) -> bytes:
        return canonical(answer(key))

    return expected


def canonical(document: object) -> bytes:
    """Return bytes that are equal for equal JSON only: 62 is not 62.0, and true is not 1."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def judge(reply: Reply, expected: bytes) -> Outcome:
    """Compare a reply with the canonical bytes of the right answer."""
    if reply.status != 200:
        return Outcome.HTTP_STATUS
    if reply.content_type.partition(";")[0].strip().lower() != "application/json":
        return Outcome.CONTENT_TYPE
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return Outcome.NOT_JSON
    try:
        right = canonical(document) == expected
    except orjson.JSONEncodeError:
        # It reads deeper nesting than it writes; no right answer is that deep.
        right = False
    return Outcome.OK if right else Outcome.WRONG_ANSWER
