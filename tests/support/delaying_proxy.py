"""A TCP proxy that hands on whatever the server says a known time later, and notes its own times.

    python -m tests.support.delaying_proxy PORT SECONDS    # started by `delaying`

It says its port, ends when its input does, and then says what it has noted: one JSON list of
[path, asked_ns, answered_ns]. It looks into requests only to note what is asked for.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.served import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUEST = re.compile(rb"GET (\S+) HTTP/1.1\r\n")


@dataclass
class Proxy:
    """A running proxy; `served` is there once the block of `delaying` is over."""

    url: str
    served: list[Served] = field(default_factory=list)


@contextmanager
def delaying(port: int, seconds: float) -> Iterator[Proxy]:
    """Run a proxy to a port of loopback until the end of the block."""
    command = [sys.executable, "-m", "tests.support.delaying_proxy", str(port), str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        proxy = Proxy(f"http://127.0.0.1:{int(process.stdout.readline())}")
        try:
            yield proxy
        finally:
            noted, _ = process.communicate()
    proxy.served += [Served(*one) for one in json.loads(noted)]


class _Delayed:
    """Carries bytes between one client and the server."""

    def __init__(self, port: int, delay_ns: int, noted: list[list[object]]) -> None:
        self._port = port
        self._delay_ns = delay_ns
        self._noted = noted
        self._open: list[object] | None = None

    async def carry(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection("127.0.0.1", self._port)
        late: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        tasks = [
            asyncio.create_task(part)
            for part in (
                self._requests(client, server),
                self._answers(answers, late),
                self._hand_on(late, back),
            )
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for writer in (server, back):
                writer.close()

    async def _requests(self, client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        while data := await client.read(65_536):
            request = _REQUEST.match(data)
            if request:
                self._open = [request[1].decode(), time.monotonic_ns(), 0]
                self._noted.append(self._open)
            server.write(data)

    async def _answers(
        self, answers: asyncio.StreamReader, late: asyncio.Queue[tuple[int, bytes]]
    ) -> None:
        while data := await answers.read(65_536):
            late.put_nowait((time.monotonic_ns() + self._delay_ns, data))

    async def _hand_on(
        self, late: asyncio.Queue[tuple[int, bytes]], back: asyncio.StreamWriter
    ) -> None:
        while True:
            scheduled_ns, data = await late.get()
            await asyncio.sleep((scheduled_ns - time.monotonic_ns()) / 1e9)
            if self._open is not None:
                self._open[2] = time.monotonic_ns()
            back.write(data)


async def _main(port: int, delay_s: float) -> None:
    noted: list[list[object]] = []

    async def carry(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await _Delayed(port, round(delay_s * 1e9), noted).carry(client, back)

    server = await asyncio.start_server(carry, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.write(json.dumps(noted))


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), float(sys.argv[2])))
