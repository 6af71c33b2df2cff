"""An HTTP server on loopback whose capacity is known, in a process of its own.

    python -m tests.support.limited_server KIND PARAMETERS...    # started by `limited`

It says its port, and ends when its input does. Kinds:

- bucket RATE: a token bucket that is refilled RATE times a second; without a token, status 429.
- queue SERVERS SECONDS: so many answer at once, each in so many seconds.
- cliff RATE: prompt up to so many arrivals a second, and slow beyond.
- sticky RATE LOWER: like cliff, and once beyond RATE slow until at most LOWER arrive a second.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARRIVALS = 40
_LONGEST_GAP_S = 0.05
_SLOW_S = 0.7
_ANSWER = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class _Law(Protocol):
    async def answer(self) -> int: ...


class _Bucket:
    def __init__(self, rate: float) -> None:
        self._rate, self._most = rate, 6.0
        self._tokens, self._seen_s = self._most, time.monotonic()

    async def answer(self) -> int:
        now_s = time.monotonic()
        self._tokens = min(self._tokens + (now_s - self._seen_s) * self._rate, self._most)
        self._seen_s = now_s
        if self._tokens < 1:
            return 429
        self._tokens -= 1
        return 200


class _Queue:
    def __init__(self, servers: float, service_s: float) -> None:
        # Free at these times: no timer is late on account of another.
        self._free_s = [0.0] * int(servers)
        self._service_s = service_s

    async def answer(self) -> int:
        place = self._free_s.index(min(self._free_s))
        now_s = time.monotonic()
        self._free_s[place] = max(self._free_s[place], now_s) + self._service_s
        await asyncio.sleep(self._free_s[place] - now_s)
        return 200


class _Cliff:
    """Measures the rate of arrivals over the last of them, and pauses count for little."""

    def __init__(self, rate: float, lower: float | None = None) -> None:
        self._rate, self._lower = rate, rate if lower is None else lower
        self._gaps_s: deque[float] = deque(maxlen=_ARRIVALS)
        self._last_s = time.monotonic()
        self._is_over = False

    async def answer(self) -> int:
        now_s = time.monotonic()
        self._gaps_s.append(min(now_s - self._last_s, _LONGEST_GAP_S))
        self._last_s = now_s
        seen = len(self._gaps_s) / max(sum(self._gaps_s), 1e-9)
        self._is_over = seen > (self._lower if self._is_over else self._rate)
        if self._is_over:
            await asyncio.sleep(_SLOW_S)
        return 200


_LAWS: dict[str, type[_Law]] = {
    "bucket": _Bucket,
    "queue": _Queue,
    "cliff": _Cliff,
    "sticky": _Cliff,
}


@contextmanager
def limited(kind: str, *parameters: float) -> Iterator[str]:
    """Run a server until the end of the block; yield its address."""
    command = [sys.executable, "-m", __name__, kind, *map(str, parameters)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.stdin.close()


async def _serve(law: _Law) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                status = await law.answer()
                writer.write(_ANSWER % status)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(_LAWS[sys.argv[1]](*map(float, sys.argv[2:]))))
