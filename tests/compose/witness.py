"""A witness on the way from the containers to the lab: it forwards, and counts who asked what.

The lab listens on loopback, which containers cannot reach. The witness listens on the address that
the Docker bridge gives to this machine, passes every byte on, and counts the requests that each
client address sent. It knows nothing of Locust, so its totals are independent of Locust's.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")
_END_OF_HEAD = b"\r\n\r\n"


class Forwarder:
    """Forwards ports of `address` to the same services on loopback."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: Counter[str] = Counter()
        """How many requests without a body, that is lookups, each client address has sent."""
        self._loop = asyncio.new_event_loop()

    @contextlib.contextmanager
    def forwarding(self, ports: dict[str, int]) -> Iterator[dict[str, str]]:
        """Forward to these loopback ports while the context lasts; yields address by name."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        servers = {name: self._await(self._listen(port)) for name, port in ports.items()}
        try:
            yield {
                name: f"http://host.docker.internal:{server.sockets[0].getsockname()[1]}"
                for name, server in servers.items()
            }
        finally:
            for server in servers.values():
                self._loop.call_soon_threadsafe(server.close)
            # A connection that was cut from outside is still being read.
            self._await(_cancel_all())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    def _await(self, job: Coroutine[None, None, T]) -> T:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(timeout=10)

    async def _listen(self, port: int) -> asyncio.Server:
        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
            client = str(writer.get_extra_info("peername")[0])
            await asyncio.gather(
                self._pump(reader, upstream_writer, client),
                self._pump(upstream_reader, writer, None),
                return_exceptions=True,
            )

        return await asyncio.start_server(forward, self.address, 0)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, client: str | None
    ) -> None:
        # A head's end may be split between two reads.
        tail = b""
        try:
            while data := await source.read(65_536):
                if client is not None:
                    seen = tail + data
                    self.requests[client] += seen.count(_END_OF_HEAD)
                    tail = seen[-(len(_END_OF_HEAD) - 1) :]
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
