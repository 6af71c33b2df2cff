"""Servers that carry a known rate: a token bucket, a queue, a cliff, and one with hysteresis.

Each decides on a clock of its own how an arrival fares, so that how busy the machine is matters
little.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from tests.support import async_server

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

FAST_S = 0.002
_PAUSE_S = 0.25
"""So long without an arrival is a pause between two slices."""


class Carrier(Protocol):
    """Says when an arrival at `now_s` is answered, and with which status."""

    def take(self, now_s: float) -> tuple[int, float]: ...


@dataclass
class TokenBucket:
    """Turns away with 429 what exceeds a rate; `burst` may come at once."""

    per_s: float
    burst: float
    _tokens: float = 0.0
    _seen_s: float = 0.0

    def has_token(self, now_s: float) -> bool:
        self._tokens = min(self._tokens + (now_s - self._seen_s) * self.per_s, self.burst)
        self._seen_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def take(self, now_s: float) -> tuple[int, float]:
        return (200 if self.has_token(now_s) else 429), now_s + FAST_S


@dataclass
class ServerQueue:
    """Some servers, each busy with a request for `service_s`; the others wait in line."""

    servers: int
    service_s: float
    _free_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free_s = [0.0] * self.servers

    @property
    def per_s(self) -> float:
        return self.servers / self.service_s

    def take(self, now_s: float) -> tuple[int, float]:
        done_s = max(heapq.heappop(self._free_s), now_s) + self.service_s
        heapq.heappush(self._free_s, done_s)
        return 200, done_s


@dataclass
class Cliff:
    """Fast up to a rate; beyond it, every answer takes `slow_s`.

    It is fast again once requests come at less than `back_per_s`, but not before it has rested for
    `rests_s`. Where `back_per_s` is far below the rate it carries, it has hysteresis.
    """

    per_s: float
    back_per_s: float
    rests_s: float = 0.0
    slow_s: float = 0.3
    _bucket: TokenBucket = field(init=False)
    _came_s: deque[float] = field(default_factory=lambda: deque(maxlen=30))
    _over_s: float | None = None
    """When it was last overloaded, if it is."""

    def __post_init__(self) -> None:
        self._bucket = TokenBucket(self.per_s, self.per_s / 20)

    def take(self, now_s: float) -> tuple[int, float]:
        self._came_s.append(now_s)
        if not self._bucket.has_token(now_s):
            self._over_s = now_s
        elif self._over_s is not None and self._is_back(now_s - self._over_s):
            self._over_s = None
        return 200, now_s + (FAST_S if self._over_s is None else self.slow_s)

    def _is_back(self, rested_s: float) -> bool:
        return rested_s >= self.rests_s and self._now_per_s() < self.back_per_s

    def _now_per_s(self) -> float:
        gaps_s = [later - before for before, later in pairwise(self._came_s)]
        flowing_s = [gap_s for gap_s in gaps_s if gap_s < _PAUSE_S]
        return len(flowing_s) / sum(flowing_s) if flowing_s else math.inf


@dataclass
class KnownServer:
    """Answers as a carrier says; `in_flight` of what it was `asked` has no answer yet."""

    carrier: Carrier
    asked: int = 0
    in_flight: int = 0

    def serving(self) -> AbstractContextManager[int]:
        return async_server.serving(self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.asked += 1
                self.in_flight += 1
                try:
                    status, done_s = self.carrier.take(time.monotonic())
                    await asyncio.sleep(done_s - time.monotonic())
                finally:
                    self.in_flight -= 1
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 2\r\n\r\nok" % status)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
