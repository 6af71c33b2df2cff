"""One HTTP/2 connection on gevent: many streams at once, each a request and its answer."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent
from gevent import get_hub, getcurrent
from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes, Settings

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import errors
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.transport import READ_BYTES, Wire
from dragstrip.tls import HTTP_2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.load.http.address import Address
    from dragstrip.load.http.timeouts import Limits
    from dragstrip.tls import TlsFiles

_CONNECTION_WINDOW = 1 << 30
_SETTINGS_TYPE = b"\x04"


class Stream:
    """One request under way. `greenlet` waits for its end, or for room to send more of its body."""

    __slots__ = (
        "body",
        "done_ns",
        "failure",
        "first_byte_ns",
        "greenlet",
        "headers",
        "number",
        "size",
        "status",
        "waits",
    )

    def __init__(self) -> None:
        self.greenlet = getcurrent()
        self.number = self.status = self.size = self.first_byte_ns = self.done_ns = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.body: list[bytes] = []
        self.failure: SendFailed | None = None
        self.waits = False

    @property
    def is_over(self) -> bool:
        """Whether its answer is whole, or will never be."""
        return bool(self.done_ns)

    def wait(self, hub: Any) -> None:
        """Block until `wake`."""
        self.waits = True
        try:
            hub.switch()
        finally:
            self.waits = False

    def wake(self) -> None:
        """Let its greenlet go on, if it waits. Called in the hub."""
        if self.waits:
            self.waits = False
            self.greenlet.switch()


class _GracefulConnection(H2Connection):
    """Streams that a server's GOAWAY leaves alone go on (RFC 9113, section 6.8).

    The library takes it for the end of all: https://github.com/python-hyper/h2/issues/1181.
    """

    def _receive_goaway_frame(self, frame: Any) -> Any:
        received = super()._receive_goaway_frame(frame)
        self.state_machine.state = ConnectionState.CLIENT_OPEN
        return received


class Http2Connection:
    """A connection to one address, from `open` until the server or `drop` ends it.

    `is_usable` says whether another stream may begin. The server's GOAWAY ends that; streams which
    it leaves alone go on, and the others fail. So do all when the connection ends: whether the
    server worked on them cannot be told from here.
    """

    def __init__(self, address: Address, files: TlsFiles, limits: Limits) -> None:
        self._wire = Wire(address, files, HTTP_2)
        self._limits = limits
        configuration = H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._protocol = _GracefulConnection(configuration)
        self._streams: dict[int, Stream] = {}
        self._queue: deque[Stream] = deque()
        self._reader: gevent.Greenlet[..., None] | None = None
        self._flushing = self._has_settings = False
        self._takers: dict[type[events.Event], Callable[[Any, int], None]] = {
            events.RemoteSettingsChanged: self._on_settings,
            events.WindowUpdated: self._on_window,
            events.ResponseReceived: self._on_head,
            events.DataReceived: self._on_data,
            events.StreamEnded: self._on_end,
            events.StreamReset: self._on_reset,
            events.ConnectionTerminated: self._on_goaway,
        }
        self.is_usable = False
        self.hub: Any = None

    @property
    def resolving(self) -> bool:
        """Whether the host's name is being looked up."""
        return self._wire.resolving

    def open(self) -> None:
        """Connect, agree on TLS and HTTP/2, and wait for the server's settings.

        Raises OSError and SendFailed.
        """
        wire = self._wire
        wire.hub = self.hub = get_hub()
        wire.greenlet = getcurrent()
        try:
            wire.open()
            self._begin()
            while not self._has_settings:
                wire.wait_readable()
                self._receive()
        except H2Error as error:
            self.drop()
            raise _malformed(error) from None
        except BaseException:
            self.drop()
            raise
        self._reader = gevent.spawn(self._read)
        wire.greenlet = self._reader
        self.is_usable = True

    def wait_for_room(self, stream: Stream) -> bool:
        """Block until the server allows another stream, first come first served.

        Return False where the connection takes no other.
        """
        if self._has_room() and not self._queue:
            return self.is_usable
        self._queue.append(stream)
        try:
            while self.is_usable and not (self._has_room() and self._queue[0] is stream):
                stream.wait(self.hub)
        finally:
            self._queue.remove(stream)
            self._call_next()
        return self.is_usable

    def begin(self, stream: Stream, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a request, its body as far and as fast as the server takes it."""
        state = self._protocol
        stream.number = number = state.get_next_available_stream_id()
        self._streams[number] = stream
        state.send_headers(number, headers, end_stream=not body)
        rest = memoryview(body)
        while rest and not stream.is_over:
            window = min(state.local_flow_control_window(number), state.max_outbound_frame_size)
            if window <= 0:
                self._flush()
                stream.wait(self.hub)
                continue
            piece, rest = rest[:window], rest[window:]
            state.send_data(number, bytes(piece), end_stream=not rest)
        if rest:
            # Answered before it was all read.
            self._reset(number)
        self._flush()

    def wait(self, stream: Stream) -> None:
        """Block until the answer is whole. Raises SendFailed."""
        while not stream.is_over:
            stream.wait(self.hub)
        if stream.failure is not None:
            raise stream.failure

    def cancel(self, stream: Stream) -> None:
        """Forget a stream whose answer nothing waits for any more."""
        if self._streams.pop(stream.number, None) is not None:
            self._reset(stream.number)
            self._flush()
            self._call_next()

    def drop(self) -> None:
        """Close at once. What is under way fails."""
        self._end(SendFailed(Outcome.CONNECTION, "closed on this side"))
        if self._reader is not None and self._reader is not getcurrent():
            self._reader.kill(block=False)

    def _begin(self) -> None:
        tls, limits, state = self._wire.tls, self._limits, self._protocol
        if tls is not None and tls.protocol != HTTP_2:
            raise SendFailed(Outcome.TLS, "TLS: the server does not offer h2 by ALPN")
        values = {
            SettingCodes.ENABLE_PUSH: 0,
            # A body within its bound never waits for this side.
            SettingCodes.INITIAL_WINDOW_SIZE: limits.max_body_bytes + 65_535,
            SettingCodes.MAX_HEADER_LIST_SIZE: limits.max_head_bytes,
        }
        state.local_settings = Settings(client=True, initial_values=values)
        state.initiate_connection()
        state.increment_flow_control_window(_CONNECTION_WINDOW)
        self._flush()

    def _has_room(self) -> bool:
        return len(self._streams) < self._protocol.remote_settings.max_concurrent_streams

    def _call_next(self) -> None:
        if self._queue and self._has_room():
            self._wake(self._queue[0])

    def _wake(self, stream: Stream) -> None:
        # Not from here: a greenlet that is switched to comes back to the hub.
        self.hub.loop.run_callback(stream.wake)

    def _flush(self) -> None:
        if self._flushing:
            # Who waits for the socket sends this as well.
            return
        self._flushing = True
        try:
            while self._wire.is_open and (data := self._protocol.data_to_send()):
                self._wire.write(data)
        except BaseException:
            # A frame was cut.
            self.drop()
            raise
        finally:
            self._flushing = False

    def _read(self) -> None:
        try:
            while self._wire.is_open:
                self._wire.wait_readable()
                self._receive()
        except H2Error as error:
            self._end(_malformed(error))
        except SendFailed as failed:
            self._end(failed)
        except OSError as error:
            self._end(SendFailed(*errors.explain(error, opening=False, when="before the answer")))

    def _receive(self) -> None:
        wire = self._wire
        while wire.is_open:
            try:
                data = wire.recv(READ_BYTES)
            except BlockingIOError:
                break
            now_ns = monotonic_ns()
            if not data:
                raise SendFailed(Outcome.CLOSED, "closed by the server before the answer")
            if not self._has_settings and data[3:4] not in _SETTINGS_TYPE:
                # The library would wait for a frame as long as the text of an error page says.
                raise ProtocolError("it does not begin with settings")
            for event in self._protocol.receive_data(data):
                take = self._takers.get(type(event))
                if take is not None:
                    take(event, now_ns)
            self._flush()
            if not ((len(data) == READ_BYTES or wire.tls) and wire.may_hold_more()):
                break

    def _on_settings(self, event: events.Event, now_ns: int) -> None:
        self._has_settings = True
        self._call_next()
        self._on_window(event, now_ns)

    def _on_window(self, _: events.Event, __: int) -> None:
        for stream in self._streams.values():
            if stream.waits:
                self._wake(stream)

    def _on_head(self, event: events.ResponseReceived, now_ns: int) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            stream.first_byte_ns = now_ns
            stream.headers = event.headers
            stream.status = int(dict(event.headers)[b":status"])

    def _on_data(self, event: events.DataReceived, now_ns: int) -> None:
        state, stream = self._protocol, self._streams.get(event.stream_id)
        if state.inbound_flow_control_window < _CONNECTION_WINDOW // 2:
            state.increment_flow_control_window(_CONNECTION_WINDOW // 2)
        if stream is None:
            return
        stream.body.append(event.data)
        stream.size += len(event.data)
        if stream.size > self._limits.max_body_bytes:
            words = f"the body is longer than {self._limits.max_body_bytes} bytes"
            self._reset(event.stream_id)
            self._over(stream, now_ns, SendFailed(Outcome.TOO_LARGE, words, stream.status))

    def _on_end(self, event: events.StreamEnded, now_ns: int) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            self._over(stream, now_ns)

    def _on_reset(self, event: events.StreamReset, now_ns: int) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is not None:
            words = f"stream reset by the server: {_name(event.error_code)}"
            self._over(stream, now_ns, SendFailed(Outcome.RESET, words, stream.status))

    def _on_goaway(self, event: events.ConnectionTerminated, now_ns: int) -> None:
        self.is_usable = False
        words = f"the server ended the connection (GOAWAY: {_name(event.error_code)})"
        for number, stream in list(self._streams.items()):
            if number > (event.last_stream_id or 0):
                self._over(stream, now_ns, SendFailed(Outcome.CLOSED, words))
        self._dismiss_queue()

    def _over(self, stream: Stream, now_ns: int, failure: SendFailed | None = None) -> None:
        self._streams.pop(stream.number, None)
        stream.done_ns, stream.failure = now_ns, failure
        self._wake(stream)
        self._call_next()

    def _reset(self, number: int) -> None:
        # It may be closed already, or the connection may be.
        with suppress(ProtocolError):
            self._protocol.reset_stream(number, ErrorCodes.CANCEL)

    def _end(self, failure: SendFailed) -> None:
        self.is_usable = False
        self._wire.drop()
        now_ns = monotonic_ns()
        for stream in list(self._streams.values()):
            words = SendFailed(failure.outcome, str(failure), stream.status)
            self._over(stream, now_ns, words)
        self._dismiss_queue()

    def _dismiss_queue(self) -> None:
        for stream in self._queue:
            self._wake(stream)


def _name(code: ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, ErrorCodes) else str(code)


def _malformed(error: H2Error) -> SendFailed:
    words = f"malformed HTTP/2: {str(error) or type(error).__name__}"
    return SendFailed(Outcome.MALFORMED, words[:200])
