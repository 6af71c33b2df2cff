"""Remembers right answers by their bytes: the same bytes for the same key are not judged again.

A 64-bit hash of both costs a fifteenth of judging a body. Of keys that come again the bytes
themselves are kept: to compare them is quicker than to hash them.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Outcome

if TYPE_CHECKING:
    from dragstrip.scenario.check import Check, Reply

TABLE_BITS = 20
_KEPT_BITS = 12
_LONGEST_KEPT = 8192
_OK = int(Outcome.OK)
_KEPT_MASK = (1 << _KEPT_BITS) - 1


class Remembered:
    """A check of status, content type and body that remembers 2 ** `table_bits` right answers.

    They take 8 bytes each. A newer one may take an older one's place in the table: then the older
    is judged when it comes again. At most 32 MiB of bodies are kept.
    """

    __slots__ = ("_check", "_kept", "_mask", "_seen")

    def __init__(self, check: Check, *, table_bits: int = TABLE_BITS) -> None:
        self._check = check
        self._mask = (1 << table_bits) - 1
        # No hash is ever -1, so that this stands for no answer at all.
        self._seen = array("q", [-1]) * (1 << table_bits)
        self._kept: list[tuple[int, int, str, bytes]] = [(-1, 0, "", b"")] * (1 << _KEPT_BITS)

    def __call__(self, key: int, reply: Reply) -> int:
        """Return the Outcome of a reply to the request of a key."""
        status, content_type, _, body, _ = reply
        kept_key, kept_status, kept_type, kept_body = self._kept[key & _KEPT_MASK]
        if (
            kept_key == key
            and kept_body == body
            and kept_status == status
            and kept_type == content_type
        ):
            return _OK
        # Of Python's own hashes, this one is keyed afresh in each process, so that no server can
        # aim at it, and equal bodies of different keys always differ in it.
        mark = hash((key, status, content_type, body))
        place = key & self._mask
        if self._seen[place] == mark:
            # Only now, so that keys that come once take no place.
            if len(body) <= _LONGEST_KEPT:
                self._kept[key & _KEPT_MASK] = key, status, content_type, body
            return _OK
        outcome = self._check(key, reply)
        if outcome == _OK:
            self._seen[place] = mark
        return outcome
