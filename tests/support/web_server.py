"""A plain web server on loopback: it answers as a test's function says, and notes the requests."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.async_server import serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator


class ReceivedRequest(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class WebAnswer(NamedTuple):
    """Values of `headers` by name; a `body` that is no bytes goes out as JSON."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] | None = None

    def encode(self) -> bytes:
        payload = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(payload))}
        headers |= self.headers or {}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} X\r\n{lines}\r\n".encode() + payload


def page(text: str, status: int = 200) -> WebAnswer:
    return WebAnswer(text.encode(), status, {"content-type": "text/html; charset=utf-8"})


def echo(asked: ReceivedRequest) -> WebAnswer:
    return WebAnswer({"path": asked.path, "body": asked.body.decode()})


@dataclass
class WebServer:
    answer: Callable[[ReceivedRequest], WebAnswer] = echo
    delay_s: float = 0.0
    tls: ssl.SSLContext | None = None
    asked: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[WebServer]:
        with serving(self._serve, ssl=self.tls) as self.port:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode("latin-1").split("\r\n")
                method, path, _ = first.split(" ")
                pairs = (line.partition(":") for line in lines if line)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                asked = ReceivedRequest(method, path, headers, body)
                self.asked.append(asked)
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(self.answer(asked).encode())
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The client has hung up, or serving is over.
            pass
        finally:
            writer.close()
