"""Remembers heads of answers by their bytes, so that the same bytes need not be parsed again.

A server that answers thousands of times a second sends the same head again and again, until the
second of its Date field is over. Where heads hardly ever come twice, nothing is remembered.
"""

from __future__ import annotations

from typing import NamedTuple

_MOST = 4096
_LONGEST = 2048


class Head(NamedTuple):
    """What the parser made of a head that fixes where its answer ends.

    `lines` are its header lines in lower case, and two of their values stand by themselves; the
    body of `body_bytes` begins at `start`.
    """

    status: int
    lines: str
    start: int
    body_bytes: int
    content_type: str
    server_timing: str


class KnownHeads:
    """Heads by their bytes, at most `most` of them."""

    __slots__ = ("_found", "_heads", "_most", "learning")

    def __init__(self, most: int = _MOST) -> None:
        self.learning = True
        """Whether it is worth asking."""
        self._heads: dict[bytes, Head] = {}
        self._most = most
        self._found = 0

    def find(self, data: bytes) -> Head | None:
        """Return what is known of the head that `data` begins with."""
        head = self._heads.get(data[: data.find(b"\r\n\r\n") + 4])
        if head is not None:
            self._found += 1
        return head

    def learn(self, data: bytes, head: Head) -> None:
        """Remember the head that `data` begins with."""
        if len(self._heads) >= self._most:
            # One that is not found once on average costs more than it saves.
            self.learning = self._found >= self._most
            self._heads.clear()
            self._found = 0
        if self.learning and head.start <= _LONGEST:
            self._heads[data[: head.start]] = head
