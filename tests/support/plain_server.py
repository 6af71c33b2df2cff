"""An HTTP server on loopback that answers what a test's function returns."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class PlainAnswer:
    """A body that is not bytes goes out as JSON."""

    body: object = None
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class PlainServer:
    """Asks `respond` for the answer to a path; `paths` are those that were asked for, in order."""

    respond: Callable[[str], PlainAnswer]
    port: int = 0
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("content-length", 0)))
        self.paths.append(handler.path)
        answer = self.respond(handler.path)
        body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        handler.send_response(answer.status)
        headers = {"content-type": answer.kind, "content-length": str(len(body))}
        for name, value in (headers | dict(answer.headers)).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    @contextmanager
    def serving(self) -> Iterator[PlainServer]:
        owner = self

        class PlainHandler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet for head and body: two would wait for each other.
            wbufsize = -1

            def do_GET(self) -> None:
                owner.answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class PlainHttpServer(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        with PlainHttpServer(("127.0.0.1", 0), PlainHandler) as server:
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


def key_in(path: str) -> int:
    """Return the number at the end of a path."""
    return int(path.rpartition("/")[2])
