"""How long a server keeps an idle connection open: as it announces, or as its closing shows."""

from __future__ import annotations

import re

_ANNOUNCED = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})")
_SECOND_NS = 1_000_000_000
IDLE_NS = 50_000_000
"""A connection idle for less is not judged: what closes it sooner is not a keep-alive limit."""
_LEARNT_MARGIN = 10


class IdleLimit:
    """Says when an idle connection is so close to the server's limit that it may close under way.

    An announced limit holds as the server says it. A learnt one needs two connections that the
    server closed after about the same idle time, and is forgotten when a connection outlives it.
    """

    __slots__ = ("_learnt_ns", "_seen_ns")

    def __init__(self) -> None:
        self._seen_ns = self._learnt_ns = 0

    def passed(self, idle_ns: int, announced: str) -> bool:
        """Return whether to replace a connection that is still open after `idle_ns`.

        `announced` is the Keep-Alive field of the last answer. The margin is the time in which a
        request may be on its way: a second or half of what is announced, whichever is less.
        """
        found = _ANNOUNCED.search(announced) if announced else None
        if found:
            limit_ns = int(found[1]) * _SECOND_NS
            return idle_ns >= limit_ns - min(_SECOND_NS, limit_ns // 2)
        if idle_ns > self._learnt_ns + _margin_ns(self._learnt_ns):
            self._learnt_ns = 0
            return False
        return idle_ns >= self._learnt_ns - _margin_ns(self._learnt_ns)

    def learn(self, idle_ns: int) -> None:
        """Take note that the server closed a connection that had been idle for so long."""
        if idle_ns < IDLE_NS:
            return
        if abs(idle_ns - self._seen_ns) <= _margin_ns(idle_ns):
            self._learnt_ns = min(idle_ns, self._seen_ns)
        self._seen_ns = idle_ns


def _margin_ns(limit_ns: int) -> int:
    return min(_SECOND_NS, limit_ns // _LEARNT_MARGIN)
