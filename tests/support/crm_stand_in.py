"""A stand-in for the whole CRM: webhook, lookup and store over dictionaries, honest or lying."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson

from scenarios.crm.messages import InboundMessage, answer_to
from tests.support.written import DATASET, receive, store_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.seeding.memory_store import MemoryStore

SECRET = "webhook-secret-of-the-tests"
API_KEY = "stand-in-key-0123456789"


@dataclass(frozen=True)
class Lies:
    """What is wrong with a stand-in: of every so many new messages, one is treated so."""

    drops_one_in: int = 0
    """Acknowledged, and not stored."""
    doubles_one_in: int = 0
    calls_known_one_in: int = 0
    """Stored, and answered as a duplicate."""
    fails_one_in: int = 0
    """Answered 503 and not stored: no lie, but a reason to deliver it again."""
    lag_s: float = 0.0
    """Lookups see a message so late."""
    goes_back: bool = False
    """A late message moves last_message_at back."""


@dataclass
class CrmStandIn:
    """A server on loopback, and its store."""

    name: str
    lies: Lies = Lies()
    store: MemoryStore = field(init=False)
    url: str = ""

    def __post_init__(self) -> None:
        self.store = store_with([], self.name)
        self._seen = store_with([]) if self.lies.lag_s else self.store
        self._late: deque[tuple[float, InboundMessage]] = deque()
        self._known: set[str] = set()
        self._count = 0
        self._lock = threading.Lock()

    @contextmanager
    def serving(self) -> Iterator[CrmStandIn]:
        server = _CrmServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def lookup(self, phone: str) -> Any:
        index = DATASET.index(phone)
        with self._lock:
            while self._late and self._late[0][0] <= time.monotonic():
                receive(self._seen, self._late.popleft()[1])
            others = (one for one in self._seen.others if one["contact"]["phone"] == phone)
            known = self._seen.rows.get(-1 if index is None else index) or next(others, None)
            return answer_to(known)

    def ingest(self, message: InboundMessage) -> tuple[int, Any]:
        lies = self.lies
        with self._lock:
            if message.id in self._known:
                return 200, {"received": True, "duplicate": True}
            self._count += 1
            if self._is_nth(lies.fails_one_in):
                return 503, {"error": "Internal server error"}
            self._known.add(message.id)
            for _ in range(2 if self._is_nth(lies.doubles_one_in) else 1):
                if not self._is_nth(lies.drops_one_in):
                    self._store(message)
            claimed = self._is_nth(lies.calls_known_one_in)
            return 200, {"received": True, "duplicate": claimed}

    def _store(self, message: InboundMessage) -> None:
        receive(self.store, message)
        if self._seen is not self.store:
            self._late.append((time.monotonic() + self.lies.lag_s, message))
        if self.lies.goes_back and message.index in self.store.rows:
            talk = self.store.rows[message.index]["conversation"]
            assert talk is not None
            talk["last_message_at"] = message.sent_at_ms

    def _is_nth(self, one_in: int) -> bool:
        return bool(one_in) and self._count % one_in == one_in // 2


class _CrmServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def _handler(crm: CrmStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            right = self.headers["x-api-key"] == API_KEY
            self._answer(*((200, crm.lookup(query["phone"][0])) if right else (401, {})))

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            signature = hmac.new(SECRET.encode(), raw, hashlib.sha256).hexdigest()
            if signature != self.headers["x-webhook-signature"]:
                self._answer(401, {"received": False, "error": "Unauthorized"})
            else:
                self._answer(*crm.ingest(_message(orjson.loads(raw))))

        def _answer(self, status: int, body: object) -> None:
            payload = orjson.dumps(body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _message(body: Any) -> InboundMessage:
    message, phone = body["message"], body["conversation"]["phone_number"].lstrip("+")
    index = DATASET.index(phone)
    assert index is not None
    return InboundMessage(
        id=message["id"],
        index=index,
        phone=phone,
        kapso_phone_id=body["phone_number_id"],
        type=message["type"],
        content=message["kapso"]["content"],
        sent_at_ms=int(message["timestamp"]) * 1000,
    )
