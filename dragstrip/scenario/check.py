"""Decides whether an answer is right: status, content type, and the whole body.

A body is parsed and compared in full the first time it comes for a key; from then on the same bytes
for the same key are known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from dragstrip.ledger.rows import Outcome
from dragstrip.scenario.remembered import TABLE_BITS, Remembered

_REMEMBERED = 4096
_MOST_TABLE_BITS = 22
_JSON = "application/json"
_OK = int(Outcome.OK)
_HTTP_STATUS = int(Outcome.HTTP_STATUS)


class Reply(NamedTuple):
    """What came back over the wire.

    `content_type` and `server_timing` are in lower case. So is `head`, the header lines as they
    came; `header` looks one up in it, so that headers cost nothing where a check asks for none.
    """

    status: int
    content_type: str
    server_timing: str
    body: bytes
    head: str = ""

    def header(self, name: str) -> str | None:
        """Return a header's value in lower case, None where it is absent; several make one list.

        `name` is in lower case.
        """
        return header_in(self.head, f"\r\n{name}:")


Check = Callable[[int, Reply], int]
"""Takes a key and the reply to its request, and returns the ledger's Outcome."""


def header_in(head: str, start: str) -> str | None:
    """Return the value of the header whose line begins so, from header lines in lower case."""
    found = head.find(start)
    if found < 0:
        return None
    end = head.find("\r\n", found + 2)
    value = head[found + len(start) : end].strip()
    while (found := head.find(start, end)) >= 0:
        end = head.find("\r\n", found + 2)
        value += ", " + head[found + len(start) : end].strip()
    return value


def succeeds(key: int, reply: Reply) -> int:  # noqa: ARG001
    """Take any 2xx status for a right answer."""
    return _OK if 200 <= reply.status < 300 else _HTTP_STATUS


def expected_json(answer: Callable[[int], Any]) -> Callable[[int], bytes]:
    """Return a function from a key to the canonical bytes of its answer; recent ones are kept."""

    @lru_cache(maxsize=_REMEMBERED)
    def expected(key: int) -> bytes:
        return canonical(answer(key))

    return expected


def canonical(document: object) -> bytes:
    """Return bytes that are equal for equal JSON only: 62 is not 62.0, and true is not 1."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def check_json(
    reply: Reply, expected: bytes, form: Callable[[object], bytes] = canonical
) -> Outcome:
    """Compare a reply with the right answer; `form` makes of the body what is compared."""
    if reply.status != 200:
        return Outcome.HTTP_STATUS
    if not _is_json(reply.content_type):
        return Outcome.CONTENT_TYPE
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return Outcome.NOT_JSON
    try:
        right = form(document) == expected
    except orjson.JSONEncodeError:
        # It reads deeper nesting than it writes; no right answer is that deep.
        right = False
    return Outcome.OK if right else Outcome.WRONG_ANSWER


def table_bits_for(keys: int) -> int:
    """Return for how many answers a JsonCheck of so many keys needs room, as a power of two.

    Keys 0 .. keys - 1 have a place each, and as many places again leave room for numbers
    without a contact. More than 32 MiB are never taken.
    """
    return min(_MOST_TABLE_BITS, (2 * keys).bit_length())


class JsonCheck(Remembered):
    """Judges answers, and remembers 2 ** `table_bits` of the right ones.

    `expected` gives a key's right answer in the `form` that is compared: its canonical bytes, or
    where these may not be kept, a hash of them.
    """

    __slots__ = ("_expected", "_form")

    def __init__(
        self,
        expected: Callable[[int], bytes],
        *,
        form: Callable[[object], bytes] = canonical,
        table_bits: int = TABLE_BITS,
    ) -> None:
        super().__init__(self._in_full, table_bits=table_bits)
        self._expected = expected
        self._form = form

    def _in_full(self, key: int, reply: Reply) -> int:
        if reply.status != 200 or not _is_json(reply.content_type):
            # What would have been right need not be known.
            return check_json(reply, b"")
        return check_json(reply, self._expected(key), self._form)


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == _JSON
