"""Decides whether an answer is right: status, content type, and the whole body.

A body is parsed and compared in full the first time it comes for a key. From then on the same bytes
for the same key are known by a 64-bit hash of both, which costs a fifteenth of that. Of keys that
come again the bytes themselves are kept: to compare them is quicker than to hash them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from dragstrip.ledger.rows import Outcome

_REMEMBERED = 4096
_TABLE_BITS = 20
_MOST_TABLE_BITS = 22
_KEPT_BITS = 12
_LONGEST_KEPT = 8192
_JSON = "application/json"
_OK = int(Outcome.OK)
_HTTP_STATUS = int(Outcome.HTTP_STATUS)
_KEPT_MASK = (1 << _KEPT_BITS) - 1


class Reply(NamedTuple):
    """What came back over the wire. Header names are asked for in lower case."""

    status: int
    content_type: str
    server_timing: str
    body: bytes


Check = Callable[[int, Reply], int]
"""Takes a key and the reply to its request, and returns the ledger's Outcome."""


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

    Keys 0 .. keys - 1 have a place each, and as many places again leave room for numbers that
    nobody has. More than 32 MiB are never taken.
    """
    return min(_MOST_TABLE_BITS, (2 * keys).bit_length())


class JsonCheck:
    """Judges answers, and remembers 2 ** `table_bits` of the right ones, in 8 bytes each.

    `expected` gives a key's right answer in the `form` that is compared: its canonical bytes, or
    where nobody may keep these, a hash of them. A newer answer may take an older
    one's place in the table: then the older is compared in full when it comes again. At most 32 MiB
    of bodies are kept.
    """

    __slots__ = ("_expected", "_form", "_kept", "_mask", "_seen")

    def __init__(
        self,
        expected: Callable[[int], bytes],
        *,
        form: Callable[[object], bytes] = canonical,
        table_bits: int = _TABLE_BITS,
    ) -> None:
        self._expected = expected
        self._form = form
        self._mask = (1 << table_bits) - 1
        # No hash is ever -1, so that this stands for no answer at all.
        self._seen = array("q", [-1]) * (1 << table_bits)
        self._kept: list[tuple[int, bytes]] = [(-1, b"")] * (1 << _KEPT_BITS)

    def __call__(self, key: int, reply: Reply) -> int:
        """Return the Outcome of a reply to the lookup of a key."""
        status, content_type, _, body = reply
        if status != 200 or (content_type != _JSON and not _is_json(content_type)):
            return check_json(reply, b"")
        kept_key, kept_body = self._kept[key & _KEPT_MASK]
        if kept_key == key and kept_body == body:
            return _OK
        # Of Python's own hashes, this one is keyed afresh in each process, so nobody can aim at it,
        # and equal bodies of different keys always differ in it.
        mark = hash((key, body))
        place = key & self._mask
        if self._seen[place] == mark:
            # Only now, so that keys that come once take no place.
            if len(body) <= _LONGEST_KEPT:
                self._kept[key & _KEPT_MASK] = key, body
            return _OK
        outcome = check_json(reply, self._expected(key), self._form)
        if outcome is Outcome.OK:
            self._seen[place] = mark
        return outcome


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == _JSON
