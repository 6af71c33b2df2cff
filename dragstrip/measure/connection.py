"""One kept-alive HTTP/1.1 connection on gevent: the load generator's hot path.

An answer costs one send, one wake-up and one read. The read watcher stays armed from one answer
to the next, and so does the timer.
"""

from __future__ import annotations

import _socket
import errno
import os
import ssl
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent.socket
from gevent import getcurrent
from gevent.hub import get_hub

from dragstrip.ledger.rows import Outcome
from dragstrip.measure import http_body, http_failure, http_tls
from dragstrip.measure.client import SendFailed
from dragstrip.measure.http_address import Address
from dragstrip.measure.http_limits import NEVER_NS, Deadline, Limits
from dragstrip.measure.http_parser import (
    CONTENT_ENCODING,
    CONTENT_TYPE,
    SERVER_TIMING,
    AnswerParser,
    Malformed,
    TooLarge,
)
from dragstrip.measure.http_request import REPEATABLE, RequestWriter, UnfitRequest
from dragstrip.measure.judge import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dragstrip.targets import Request

DEFAULT_HEADERS = {"user-agent": "dragstrip", "accept": "application/json"}

_READ_BYTES = 1 << 16
# A look at the socket before each request would cost a tenth of the rate. Back to back, what
# an unasked answer could pretend is caught when its successors pile up.
_IDLE_NS = 100_000
_READABLE, _WRITABLE = 1, 2
_CONNECT, _FIRST_BYTE, _ANSWER = "no connection", "no byte of an answer", "no whole answer"


class _DeadlinePassed(BaseException):
    """Thrown into the waiting greenlet; not an Exception, so that nothing on the way keeps it."""


class _ClosedHere(BaseException):
    """Thrown likewise when another greenlet closes the connection."""


class _Gone(Exception):
    """The server ended the connection without a byte of the answer."""


class Connection:
    """Sends requests to one address, one at a time, and reads each answer whole.

    Redirects are answers like any other. A kept-alive connection that the server has closed is
    replaced, and the request sent again once, if it may be repeated and nothing had come back.

    `sent_ns` (just before the first byte went out), `first_byte_ns` and `done_ns` are times of
    the monotonic clock for the last exchange, also when it failed; 0 for what did not happen.
    `reconnects` counts the connections opened after the first, `retries` the requests sent again.
    """

    # Slots are quicker to read than a dictionary of more than thirty names.
    __slots__ = (
        "_address",
        "_connect_limit_ns",
        "_deadline",
        "_end_ns",
        "_first_byte_limit_ns",
        "_greenlet",
        "_hub",
        "_limits",
        "_opened",
        "_parked",
        "_parser",
        "_phase",
        "_reader",
        "_reader_armed",
        "_sock",
        "_tls",
        "_total_limit_ns",
        "_trust",
        "_writer",
        "done_ns",
        "first_byte_ns",
        "retries",
        "sent_ns",
    )

    def __init__(
        self,
        url: str,
        limits: Limits | float,
        *,
        ca_file: Path | None = None,
        headers: Mapping[str, str] = DEFAULT_HEADERS,
    ) -> None:
        self._limits = limits if isinstance(limits, Limits) else Limits(limits)
        self._total_limit_ns = _ns(self._limits.total_s)
        self._connect_limit_ns = _ns(self._limits.connect_s or self._limits.total_s)
        self._first_byte_limit_ns = _ns(self._limits.first_byte_s or self._limits.total_s)
        self._address = Address.parse(url)
        self._trust = http_tls.trust(ca_file) if self._address.tls else None
        self._writer = RequestWriter(self._address, headers)
        self._parser = self._new_parser()
        self._sock: _socket.socket | None = None
        self._tls: http_tls.TlsStream | None = None
        self._greenlet: Any = None
        self._hub: Any = None
        self._reader: Any = None
        self._reader_armed = self._parked = False
        self._deadline = Deadline(self._on_deadline)
        self._end_ns = NEVER_NS
        self._phase = _CONNECT
        self._opened = 0
        self.retries = 0
        self.sent_ns = self.first_byte_ns = self.done_ns = 0

    @property
    def reconnects(self) -> int:
        """How many connections were opened after the first."""
        return max(0, self._opened - 1)

    def send(self, request: Request) -> Reply:
        """Send a request and return the answer. Raises SendFailed.

        What is raised into it from outside (gevent.Timeout, GreenletExit) passes through. After
        either the connection is closed, and the next request opens another.
        """
        if self._greenlet is not None:
            raise RuntimeError("a connection takes one request at a time")
        self.sent_ns = self.first_byte_ns = 0
        try:
            data = self._writer.write(request)
        except UnfitRequest as error:
            raise SendFailed(Outcome.UNSENT, str(error)) from None
        self._greenlet = getcurrent()
        try:
            self._exchange(request.method, data)
        except BaseException as error:
            self._drop()
            self.done_ns = monotonic_ns()
            failure = self._failure(error)
            if failure is None:
                raise
            raise failure from None
        finally:
            self._greenlet = None
            self._deadline.at_ns = NEVER_NS
        return self._reply()

    def close(self) -> None:
        """Close the connection. An exchange that another greenlet has under way fails."""
        if self._greenlet is None:
            self._drop()
            self._deadline.disarm()
        else:
            self._hub.loop.run_callback(self._on_close)

    def _exchange(self, method: str, data: bytes) -> None:
        now_ns = monotonic_ns()
        self._end_ns = now_ns + self._total_limit_ns
        repeatable = method in REPEATABLE
        if (
            self._sock is not None
            and (now_ns - self.done_ns > _IDLE_NS or not repeatable)
            and not self._silent()
        ):
            self._drop()
        reused = self._sock is not None
        if not reused:
            self._open()
        try:
            self._ask(data)
        except _Gone:
            if not (reused and repeatable):
                raise
            self._drop()
            self._open()
            self.retries += 1
            self._ask(data)

    def _ask(self, data: bytes) -> None:
        """Send the request and read until the answer is whole."""
        sock, tls, parser = self._sock, self._tls, self._parser
        assert sock is not None  # noqa: S101
        parser.begin()
        if tls is not None:
            data = tls.seal(data)
        now_ns = monotonic_ns()
        if self.sent_ns == 0:
            self.sent_ns = now_ns
        self._expect(now_ns + self._first_byte_limit_ns, _FIRST_BYTE)
        hung_up = not self._write(sock, data)
        recv = sock.recv if tls is None else tls.recv
        self._wait_readable()
        while True:
            try:
                piece = recv(_READ_BYTES)
            except BlockingIOError:
                self._wait_readable()
                continue
            except OSError as error:
                if parser.received == 0:
                    raise _Gone(http_failure.explain(error, parser.progress())[1]) from None
                raise
            self.done_ns = monotonic_ns()
            if not piece:
                self._finish()
                break
            if parser.received == 0:
                self.first_byte_ns = self.done_ns
                self._deadline.at_ns = self._end_ns
                self._phase = _ANSWER
            parser.feed(piece)
            if parser.done:
                break
        more = len(piece) == _READ_BYTES if tls is None else tls.buffered
        if hung_up or not parser.reusable or (more and not self._silent()):
            self._drop()

    def _finish(self) -> None:
        words = f"closed by the server {self._parser.progress()}"
        if self._parser.received == 0:
            raise _Gone(words)
        if not self._parser.finish():
            raise SendFailed(Outcome.CONNECTION, words, self._parser.status)

    def _reply(self) -> Reply:
        parser = self._parser
        body = parser.body()
        if CONTENT_ENCODING in (parser.head or ""):
            encoding = parser.header(CONTENT_ENCODING)
            try:
                body = http_body.decode(body, encoding, self._limits.max_body_bytes)
            except (Malformed, TooLarge) as error:
                raise self._refused(error) from None
        return Reply(parser.status, parser.header(CONTENT_TYPE), parser.header(SERVER_TIMING), body)

    def _failure(self, error: BaseException) -> SendFailed | None:
        match error:
            case SendFailed():
                return error
            case _DeadlinePassed():
                return self._too_late()
            case _ClosedHere():
                return SendFailed(Outcome.CONNECTION, "closed on this side")
            case Malformed() | TooLarge():
                return self._refused(error)
            case _Gone():
                return SendFailed(Outcome.CONNECTION, str(error))
            case OSError():
                return SendFailed(
                    *http_failure.explain(error, self._parser.progress()), self._parser.status
                )
        return None

    def _refused(self, error: Malformed | TooLarge) -> SendFailed:
        if isinstance(error, TooLarge):
            return SendFailed(Outcome.TOO_LARGE, str(error), self._parser.status)
        return SendFailed(Outcome.CONNECTION, f"malformed answer: {error}", self._parser.status)

    def _too_late(self) -> SendFailed:
        limits = self._limits
        sooner_s = limits.connect_s if self._phase is _CONNECT else limits.first_byte_s
        limit_s = limits.total_s if self._deadline.at_ns == self._end_ns else sooner_s
        return SendFailed(Outcome.TIMEOUT, f"{self._phase} within {limit_s:g} s")

    # Opening and dropping.

    def _open(self) -> None:
        self._hub = get_hub()
        self._parser = self._new_parser()
        self._expect(monotonic_ns() + self._connect_limit_ns, _CONNECT)
        sock = self._connect()
        if self._trust is not None:
            self._tls = http_tls.TlsStream(sock, self._trust, self._address.host)
            self._shake_hands(sock, self._tls)
        self._opened += 1

    def _new_parser(self) -> AnswerParser:
        return AnswerParser(
            max_head_bytes=self._limits.max_head_bytes, max_body_bytes=self._limits.max_body_bytes
        )

    def _connect(self) -> _socket.socket:
        failure = OSError(errno.EADDRNOTAVAIL, "the host name has no address")
        for family, kind, protocol, _, place in self._places():
            sock = self._sock = _socket.socket(family, kind, protocol)
            sock.setblocking(False)
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self._reader = self._hub.loop.io(sock.fileno(), _READABLE)
            code = sock.connect_ex(place)
            if code == errno.EINPROGRESS:
                self._wait_writable(sock)
                code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
            if code == 0:
                return sock
            failure = OSError(code, os.strerror(code))
            self._drop()
        raise failure

    def _places(self) -> list[Any]:
        where = (self._address.host, self._address.port, 0, _socket.SOCK_STREAM)
        try:
            return _socket.getaddrinfo(*where, 0, _socket.AI_NUMERICHOST)
        except _socket.gaierror:
            return list(gevent.socket.getaddrinfo(*where))

    def _shake_hands(self, sock: _socket.socket, tls: http_tls.TlsStream) -> None:
        over = False
        while not over:
            try:
                over = tls.shake_hands()
            except BlockingIOError:
                self._wait_readable()
            except ssl.SSLError:
                # The server learns why from the alert.
                with suppress(OSError):
                    sock.send(tls.unsent())
                raise
            else:
                self._write(sock, tls.unsent())

    def _drop(self) -> None:
        sock = self._sock
        if sock is None:
            return
        self._sock = self._tls = None
        self._reader.stop()
        self._reader.close()
        self._reader_armed = False
        sock.close()

    def _silent(self) -> bool:
        """Whether nothing waits to be read: no end, no answer that nobody asked for.

        Over TLS, session tickets are taken in on the way.
        """
        stream = self._tls or self._sock
        assert stream is not None  # noqa: S101
        try:
            stream.recv(_READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    # Waiting. Whoever waits is woken by a watcher, or thrown out by the timer or from outside.

    def _write(self, sock: _socket.socket, data: bytes) -> bool:
        """Send everything; return False when the server takes no more, as it may have answered."""
        rest: bytes | memoryview = data
        while True:
            try:
                sent = sock.send(rest)
            except BlockingIOError:
                sent = 0
            except (BrokenPipeError, ConnectionResetError):
                return False
            if sent == len(rest):
                return True
            rest = memoryview(rest)[sent:]
            self._wait_writable(sock)

    def _wait_readable(self) -> None:
        if not self._reader_armed:
            self._reader.start(self._on_readable)
            self._reader_armed = True
        self._parked = True
        try:
            self._hub.switch()
        finally:
            self._parked = False

    def _on_readable(self) -> None:
        if self._parked:
            self._greenlet.switch()
        else:
            self._reader.stop()
            self._reader_armed = False

    def _wait_writable(self, sock: _socket.socket) -> None:
        watcher = self._hub.loop.io(sock.fileno(), _WRITABLE)
        watcher.start(self._greenlet.switch)
        try:
            self._hub.switch()
        finally:
            watcher.stop()
            watcher.close()

    def _expect(self, deadline_ns: int, phase: str) -> None:
        self._phase = phase
        self._deadline.move(min(deadline_ns, self._end_ns), self._hub.loop)

    def _on_deadline(self) -> None:
        if self._greenlet is not None:
            self._greenlet.throw(_DeadlinePassed)

    def _on_close(self) -> None:
        if self._greenlet is None:
            self.close()
        else:
            self._greenlet.throw(_ClosedHere)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
