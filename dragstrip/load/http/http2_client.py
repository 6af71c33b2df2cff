"""Sends requests over an HTTP/2 connection that the clients of a process share."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from gevent import get_hub
from gevent.lock import BoundedSemaphore

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import decompress, errors
from dragstrip.load.http.address import Address
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.http2_connection import Http2Connection, Stream
from dragstrip.load.http.parser import Malformed, TooLarge
from dragstrip.load.http.request import (
    DEFAULT_HEADERS,
    WITH_LENGTH,
    Prepared,
    UnfitRequest,
    merged_headers,
    require_fit,
)
from dragstrip.load.http.timeouts import (
    ANSWER,
    CONNECT,
    FIRST_BYTE,
    NEVER_NS,
    ClosedHere,
    Deadline,
    DeadlinePassed,
    Limits,
)
from dragstrip.scenario.check import Reply

if TYPE_CHECKING:
    from dragstrip.scenario import Request
    from dragstrip.tls import TlsFiles

_BEFORE = "before the answer"
_NOT_IN_HTTP_2 = frozenset({"keep-alive", "proxy-connection"})


@dataclass(frozen=True, slots=True)
class _PreparedStream(Prepared):
    """A request as header fields; `data` is its body."""

    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)


class SharedConnection:
    """The connection to an address that the clients of a process share; opened when needed."""

    def __init__(self, url: str, limits: Limits, files: TlsFiles) -> None:
        self.address = Address.parse(url)
        self.limits = limits
        self.users = 0
        self.connection: Http2Connection | None = None
        self._files = files
        self._opening = BoundedSemaphore()
        self._was_open = False

    def ready(self, client: Http2Client) -> Http2Connection:
        """Return a connection that takes requests, opened by this client if there is none.

        Raises OSError and SendFailed.
        """
        with self._opening:
            connection = self.connection
            if connection is None or not connection.is_usable:
                connection = self.connection = Http2Connection(
                    self.address, self._files, self.limits
                )
                connection.open()
                client.opened = 1
                client.reconnected = int(self._was_open)
                self._was_open = True
            return connection

    @property
    def resolving(self) -> bool:
        """Whether the host's name is being looked up."""
        return self.connection is not None and self.connection.resolving

    def leave(self) -> None:
        """Note that a client will send no more; close after the last one."""
        self.users -= 1
        if self.users == 0 and self.connection is not None:
            self.connection.drop()
            self.connection = None
            self._was_open = False


class Http2Client:
    """A client as `Connection` is one: a request at a time, each on a stream of its own.

    What waits for a free stream is not sent yet: the wait is in the response time and not in the
    service time.
    """

    __slots__ = (
        "_connection",
        "_deadline",
        "_end_ns",
        "_hub",
        "_is_closed",
        "_last",
        "_phase",
        "_shared",
        "_stream",
        "done_ns",
        "first_byte_ns",
        "opened",
        "reconnected",
        "sent_ns",
    )

    def __init__(self, shared: SharedConnection) -> None:
        self._shared = shared
        shared.users += 1
        self._deadline = Deadline(self._on_deadline)
        self._end_ns = NEVER_NS
        self._stream: Stream | None = None
        self._last: Stream | None = None
        self._hub: Any = None
        self._connection: Http2Connection | None = None
        self._phase = CONNECT
        self._is_closed = False
        self.opened = self.reconnected = 0
        self.sent_ns = self.first_byte_ns = self.done_ns = 0

    def prepare(self, request: Request) -> Prepared:
        """Check a request, for this and other clients of the address.

        Raises SendFailed with the outcome UNSENT.
        """
        try:
            return self._prepare(request)
        except UnfitRequest as error:
            raise SendFailed(Outcome.UNSENT, str(error)) from None

    def send(self, request: Request | Prepared) -> Reply:
        """Send a request and return the answer. Raises SendFailed."""
        if self._stream is not None:
            raise RuntimeError("a client takes one request at a time")
        self.sent_ns = self.first_byte_ns = self.opened = self.reconnected = 0
        if not isinstance(request, Prepared):
            request = self.prepare(request)
        if request.address is not self._shared.address:
            raise ValueError("a request that was prepared for another address")
        assert isinstance(request, _PreparedStream)  # noqa: S101
        self._hub = self._hub or get_hub()
        self._stream = stream = self._last = Stream()
        try:
            self._exchange(stream, request)
        except BaseException as error:
            failure = self._failure(error, stream)
            self.first_byte_ns = stream.first_byte_ns
            self.done_ns = monotonic_ns()
            if self._connection is not None:
                self._connection.cancel(stream)
            if failure is None:
                raise
            raise failure from None
        finally:
            self._stream = self._connection = None
            self._deadline.at_ns = NEVER_NS
        self.first_byte_ns, self.done_ns = stream.first_byte_ns, stream.done_ns
        return self._reply(stream)

    def sent_header(self, name: str) -> str:
        """Return a header of the last answer as the server wrote it, "" where it is absent."""
        headers = self._last.headers if self._last else ()
        wanted = name.encode()
        return next((value.decode("latin-1") for one, value in headers if one == wanted), "")

    def close(self) -> None:
        """Send no more. An exchange that another greenlet has under way fails."""
        if self._stream is not None and self._hub is not None:
            self._hub.loop.run_callback(self._on_close)
        else:
            self._deadline.disarm()
        if not self._is_closed:
            self._is_closed = True
            self._shared.leave()

    def _exchange(self, stream: Stream, request: _PreparedStream) -> None:
        limits = self._limits
        now_ns = monotonic_ns()
        self._end_ns = now_ns + _ns(limits.total_s)
        self._expect(CONNECT, now_ns + _ns(limits.connect_s or limits.total_s))
        while True:
            connection = self._connection = self._shared.ready(self)
            # What is waited for from here on is not the connection.
            self._expect(FIRST_BYTE, self._end_ns)
            if connection.wait_for_room(stream):
                break
        self.sent_ns = now_ns = monotonic_ns()
        if limits.first_byte_s:
            self._expect(FIRST_BYTE, now_ns + _ns(limits.first_byte_s))
        connection.begin(stream, request.headers, request.data)
        connection.wait(stream)

    def _prepare(self, request: Request) -> _PreparedStream:
        method, body, address = request.method, request.body or b"", self._shared.address
        require_fit(method, request.path)
        fields = {
            ":method": method,
            ":scheme": "https" if address.tls else "http",
            ":authority": address.authority,
            ":path": address.prefix + request.path,
            **merged_headers(DEFAULT_HEADERS, request.headers),
        }
        if body or method in WITH_LENGTH:
            fields["content-length"] = str(len(body))
        if unfit := _NOT_IN_HTTP_2 & fields.keys():
            raise UnfitRequest(f"the header {min(unfit)} does not exist in HTTP/2")
        pairs = ((name.encode(), value.encode("latin-1")) for name, value in fields.items())
        return _PreparedStream(address, body, tuple(pairs))

    def _reply(self, stream: Stream) -> Reply:
        lines = (b"%b: %b\r\n" % pair for pair in stream.headers[1:])
        head = f"http/2 {stream.status}\r\n" + b"".join(lines).decode("latin-1").lower()
        reply = Reply(stream.status, "", "", b"".join(stream.body), head)
        encoding, body = reply.header("content-encoding"), reply.body
        if encoding and body:
            try:
                body = decompress.decode(body, encoding, self._limits.max_body_bytes)
            except TooLarge as error:
                raise SendFailed(Outcome.TOO_LARGE, str(error), stream.status) from None
            except Malformed as error:
                words = f"malformed answer: {error}"
                raise SendFailed(Outcome.MALFORMED, words, stream.status) from None
        kind, timing = reply.header("content-type"), reply.header("server-timing")
        return Reply(stream.status, kind or "", timing or "", body, head)

    def _failure(self, error: BaseException, stream: Stream) -> SendFailed | None:
        match error:
            case SendFailed():
                return error
            case DeadlinePassed():
                return self._too_late(stream)
            case ClosedHere():
                return SendFailed(Outcome.CONNECTION, "closed on this side")
            case OSError():
                opening = self._connection is None
                return SendFailed(*errors.explain(error, opening=opening, when=_BEFORE))
            case MemoryError():
                return SendFailed(Outcome.OUT_OF_MEMORY, "no memory is left")
        return None

    def _too_late(self, stream: Stream) -> SendFailed:
        phase = ANSWER if stream.first_byte_ns else self._phase
        whole, resolving = self._deadline.at_ns >= self._end_ns, self._shared.resolving
        late = errors.too_late(self._limits, phase, whole=whole, resolving=resolving)
        return SendFailed(*late, stream.status)

    @property
    def _limits(self) -> Limits:
        return self._shared.limits

    def _expect(self, phase: str, deadline_ns: int) -> None:
        self._phase = phase
        self._deadline.move(min(deadline_ns, self._end_ns), self._hub.loop)

    def _on_deadline(self) -> None:
        stream = self._stream
        if stream is None or (stream.is_over and stream.waits):
            # It is about to be woken.
            return
        if stream.first_byte_ns and self._deadline.at_ns < self._end_ns:
            self._deadline.move(self._end_ns, self._hub.loop)
        else:
            stream.greenlet.throw(DeadlinePassed)

    def _on_close(self) -> None:
        stream = self._stream
        if stream is not None and not (stream.is_over and stream.waits):
            stream.greenlet.throw(ClosedHere)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
