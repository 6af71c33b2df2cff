"""A stand-in backend: answers lookups from the dataset, or misbehaves as a test asks."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import orjson

from tests.support.async_server import serving
from tests.support.served import Served

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from seeding.dataset.dataset import Dataset

    Deed = Callable[[asyncio.StreamWriter], Awaitable[None]]

API_KEY = "stand-in-key-0123456789"


@dataclass
class StandIn:
    """A server on loopback. Change its fields while it runs to make it misbehave."""

    dataset: Dataset
    delay_s: Callable[[int], float] = lambda _: 0.0
    misbehave: Callable[[int, dict[str, object]], bytes | None] = lambda _n, _body: None
    deeds: dict[int, Deed] = field(default_factory=dict)
    """What is done instead of answering, by the index of the contact that is asked for."""
    fault: Callable[[int], Deed | None] = lambda _: None
    """What is done instead of answering, by the number of the lookup, if anything."""
    keep_alive_s: float | None = None
    """After how long an idle connection is closed."""
    announces: str = ""
    """Header lines of every right answer."""
    guard: Callable[[dict[str, str]], bytes | None] = lambda _: None
    """What a protected host answers to a request with these headers, if it keeps it out."""
    kept_out: int = 0
    api_key: str = API_KEY
    hangs: bool = False
    port: int = 0
    lookups: list[str] = field(default_factory=list)
    """The paths of the lookups that had the right key."""
    served: list[Served] = field(default_factory=list)
    """The lookups that were answered, with the server's own times."""
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[StandIn]:
        with serving(self._serve, self.port) as self.port:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await _head(reader, self.keep_alive_s):
                read_ns = time.monotonic_ns()
                lines = head.decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in lines[1:] if line)
                }
                await self._answer(lines[0].split(" ")[1], headers, writer, read_ns)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, TimeoutError):
            # The client has hung up, or serving is over.
            pass
        finally:
            writer.close()

    async def _answer(
        self, path: str, headers: dict[str, str], writer: asyncio.StreamWriter, read_ns: int
    ) -> None:
        if page := self.guard(headers):
            self.kept_out += 1
            writer.write(page)
            return
        if headers.get("x-api-key") != self.api_key:
            writer.write(response({"found": False, "error": "Unauthorized"}, 401))
            return
        self.lookups.append(path)
        count = len(self.lookups)
        phone = parse_qs(urlsplit(path).query)["phone"][0]
        index = self.dataset.index(phone)
        while self.hangs:
            await asyncio.sleep(0.01)
        deed = self.fault(count) or (self.deeds.get(index) if index is not None else None)
        if deed:
            await deed(writer)
            await writer.drain()
            return
        await asyncio.sleep(self.delay_s(count))
        body: dict[str, object] = dict(
            self.dataset.answer(self.dataset.contacts if index is None else index)
        )
        changed = self.misbehave(count, body)
        answer = response(body, extra=self.announces) if changed is None else changed
        # Noted before it is written, so that no client can have had it any earlier.
        self.served.append(Served(path, read_ns, time.monotonic_ns()))
        writer.write(answer)
        if changed is not None and b"connection: close" in changed:
            await writer.drain()
            raise ConnectionError


async def _head(reader: asyncio.StreamReader, keep_alive_s: float | None) -> bytes:
    """Return a request's head. TimeoutError if none has arrived in time."""
    try:
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), keep_alive_s)
    except TimeoutError:
        # On a busy machine the timer may be served before bytes that came long ago: look again.
        for _ in range(2):
            await asyncio.sleep(0)
        async with asyncio.timeout(0):
            return await reader.readuntil(b"\r\n\r\n")


def response(
    body: object = None,
    status: int = 200,
    *,
    raw: bytes | None = None,
    content_type: str = "application/json",
    length: int | None = None,
    extra: str = "",
) -> bytes:
    payload = orjson.dumps(body) if raw is None else raw
    head = (
        f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\n"
        f"content-length: {len(payload) if length is None else length}\r\n"
        f"server-timing: query;dur=0.25, total;dur=1.5\r\n{extra}\r\n"
    )
    return head.encode() + payload


def saying(answer: bytes) -> Deed:
    """Answer with these bytes."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return deed


def hanging_up(answer: bytes = b"") -> Deed:
    """Close the connection after these bytes."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        raise ConnectionError

    return deed


def resetting(answer: bytes = b"") -> Deed:
    """Reset the connection after these bytes."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        raise ConnectionError

    return deed


def dripping(answer: bytes, pause_s: float) -> Deed:
    """Send a byte at a time, with a pause after each."""

    async def deed(writer: asyncio.StreamWriter) -> None:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause_s)

    return deed


async def saying_nothing(writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await asyncio.Event().wait()
