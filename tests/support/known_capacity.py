"""Servers that carry a known rate: a token bucket, a queue, a cliff, and one with hysteresis.

Each decides on a clock of its own how an arrival fares, so that how busy the machine is matters
little.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.support import async_server

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

FAST_S = 0.002


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
    """Fast up to a rate; beyond it every answer takes `slow_s`, until the rate is below `back`.

    Where `back` is half of the rate, that is hysteresis.
    """

    per_s: float
    back_per_s: float
    slow_s: float
    _bucket: TokenBucket = field(init=False)
    _last_s: deque[float] = field(default_factory=deque)
    _is_over: bool = False

    def __post_init__(self) -> None:
        self._bucket = TokenBucket(self.per_s, self.per_s / 10)

    def take(self, now_s: float) -> tuple[int, float]:
        self._last_s.append(now_s)
        while self._last_s[0] < now_s - _WINDOW_S:
            self._last_s.popleft()
        if not self._bucket.has_token(now_s):
            self._is_over = True
        elif len(self._last_s) < self.back_per_s * _WINDOW_S:
            self._is_over = False
        return 200, now_s + (self.slow_s if self._is_over else FAST_S)


_WINDOW_S = 0.3


@dataclass
class KnownServer:
    """Answers as a carrier says. `in_flight` counts what it has not answered yet."""

    carrier: Carrier
    in_flight: int = 0

    def serving(self) -> AbstractContextManager[int]:
        return async_server.serving(self._serve)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self.in_flight += 1
                try:
                    status, done_s = self.carrier.take(time.monotonic())
                    await asyncio.sleep(done_s - time.monotonic())
                finally:
                    self.in_flight -= 1
                writer.write(b"HTTP/1.1 %d x\r\ncontent-length: 2\r\n\r\nok" % status)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
