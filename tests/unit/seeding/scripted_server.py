"""A real HTTP server on loopback that gives scripted answers and remembers what it was asked."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class ScriptedAnswer:
    """`drop` closes the connection instead of answering."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


@dataclass
class ScriptedServer:
    """Gives `script` in order, then its last answer for ever."""

    url: str
    script: list[ScriptedAnswer]
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    """Path, headers with lower-case names, and body (from JSON, or bytes) of every request."""


@contextlib.contextmanager
def serving(*script: ScriptedAnswer) -> Iterator[ScriptedServer]:
    class ScriptedHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_json = body and headers.get("content-type") != "application/octet-stream"
            state.asked.append((self.path, headers, orjson.loads(body) if is_json else body))
            answer = state.script.pop(0) if len(state.script) > 1 else state.script[0]
            if answer.drop:
                self.close_connection = True
                return
            content = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), ScriptedHandler)
    server.daemon_threads = True
    state = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}", list(script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
