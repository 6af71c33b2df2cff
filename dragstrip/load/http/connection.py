"""One kept-alive HTTP/1.1 connection on gevent: the load generator's hot path.

An answer costs one send, one wake-up and one read. The read watcher stays armed from one answer
to the next, and so does the timer.
"""

from __future__ import annotations

from functools import partial
from time import monotonic_ns
from typing import TYPE_CHECKING

from gevent import get_hub, getcurrent

from dragstrip.ledger.rows import Outcome
from dragstrip.load.http import decompress, errors
from dragstrip.load.http.address import Address
from dragstrip.load.http.client import SendFailed
from dragstrip.load.http.idle_limit import IDLE_NS, IdleLimit
from dragstrip.load.http.parser import (
    CONTENT_ENCODING,
    CONTENT_TYPE,
    KEEP_ALIVE,
    SERVER_TIMING,
    AnswerParser,
    Malformed,
    TooLarge,
)
from dragstrip.load.http.request import (
    DEFAULT_HEADERS,
    Prepared,
    RequestWriter,
    UnfitRequest,
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
from dragstrip.load.http.transport import READ_BYTES, Wire
from dragstrip.scenario.check import Reply
from dragstrip.tls import NO_FILES, TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dragstrip.scenario import Request

# Idle for less, a connection is not looked at until one ended that the server had not announced:
# that costs a twentieth of the rate, and comes too soon after the last read to see much more. What
# an unasked answer could pretend is caught when its successors pile up.
_LOOK_FROM_NS = 100_000

# A named tuple's own constructor takes twice as long.
_new_reply: Callable[[tuple[int, str, str, bytes, str]], Reply] = partial(tuple.__new__, Reply)


class _NothingWritten(Exception):
    """A kept-alive connection was over before a byte of the request could be written."""


class Connection:
    """Sends requests to one address, one at a time, and reads each answer whole.

    Redirects are answers like any other. A request is written once, and no answer is a failure:
    whether the server worked on it cannot be told from here. A client that serves a user may ask
    again (RFC 9110, section 9.2.2); one that measures would hide what it is to count.

    A kept-alive connection is replaced before anything is written, in three cases: it was looked at
    right before the write, and the server had closed it or sent what was not asked for; it was idle
    up to the server's keep-alive time, announced or learnt; or this machine's kernel took no byte
    of the request. A server that closes while the request is on its way has failed, as CLOSED or
    RESET, and so has one that closes within 0.1 ms of an answer that did not say so; from then on,
    its connection is looked at before each write.

    What is known of the last exchange, also when it failed: `sent_ns` (just before the first byte
    went out), `first_byte_ns` and `done_ns` are times of the monotonic clock, 0 for what did not
    happen; `opened` counts the connections that it had to open, and `reconnected` is 1 if one of
    them replaced another whose last exchange had not failed.
    """

    # Slots are quicker to read than a dictionary of as many names.
    __slots__ = (
        "_address",
        "_connect_limit_ns",
        "_deadline",
        "_end_ns",
        "_first_byte_limit_ns",
        "_idle_limit",
        "_limits",
        "_look_from_ns",
        "_parser",
        "_phase",
        "_total_limit_ns",
        "_was_open",
        "_wire",
        "_writer",
        "done_ns",
        "first_byte_ns",
        "opened",
        "reconnected",
        "sent_ns",
    )

    def __init__(
        self,
        url: str,
        limits: Limits | float,
        *,
        files: TlsFiles = NO_FILES,
        headers: Mapping[str, str] = DEFAULT_HEADERS,
    ) -> None:
        self._limits = limits if isinstance(limits, Limits) else Limits(limits)
        self._total_limit_ns = _ns(self._limits.total_s)
        self._connect_limit_ns = _ns(self._limits.connect_s or self._limits.total_s)
        self._first_byte_limit_ns = _ns(self._limits.first_byte_s or self._limits.total_s)
        self._address = Address.parse(url)
        self._wire = Wire(self._address, files)
        self._writer = RequestWriter(self._address, headers)
        self._parser = self._new_parser()
        self._deadline = Deadline(self._on_deadline)
        self._end_ns = NEVER_NS
        self._phase = CONNECT
        self._idle_limit = IdleLimit()
        self._look_from_ns = _LOOK_FROM_NS
        self._was_open = False
        self.opened = self.reconnected = 0
        self.sent_ns = self.first_byte_ns = self.done_ns = 0

    def prepare(self, request: Request) -> Prepared:
        """Check a request and turn it into bytes, for this and other connections to the address.

        Raises SendFailed with the outcome UNSENT.
        """
        try:
            return self._writer.prepare(request)
        except UnfitRequest as error:
            raise SendFailed(Outcome.UNSENT, str(error)) from None

    def send(self, request: Request | Prepared) -> Reply:
        """Send a request and return the answer. Raises SendFailed.

        What is raised into it from outside (gevent.Timeout, GreenletExit) passes through. After
        either the connection is closed, and the next request opens another.
        """
        wire = self._wire
        if wire.greenlet is not None:
            raise RuntimeError("a connection takes one request at a time")
        self.sent_ns = self.first_byte_ns = self.opened = self.reconnected = 0
        if not isinstance(request, Prepared):
            request = self.prepare(request)
        elif request.address is not self._address and request.address != self._address:
            raise ValueError("a request that was prepared for another address")
        wire.greenlet = getcurrent()
        try:
            self._exchange(request.data)
        except BaseException as error:
            if wire.is_open and not self.opened:
                self._look_from_ns = 0
            failure = self._failure(error)
            wire.drop()
            # The failure is counted; to count its connection as well would blame the next request.
            self._was_open = False
            self.done_ns = monotonic_ns()
            if failure is None:
                raise
            raise failure from None
        finally:
            wire.greenlet = None
            self._deadline.at_ns = NEVER_NS
        return self._reply()

    def sent_header(self, name: str) -> str:
        """Return a header of the last answer as the server wrote it, "" where it is absent."""
        return self._parser.sent_header(name)

    def close(self) -> None:
        """Close the connection. An exchange that another greenlet has under way fails."""
        wire = self._wire
        if wire.greenlet is None:
            wire.drop()
            self._deadline.disarm()
        else:
            wire.hub.loop.run_callback(self._on_close)

    def _exchange(self, data: bytes) -> None:
        wire = self._wire
        now_ns = monotonic_ns()
        self._end_ns = now_ns + self._total_limit_ns
        if wire.is_open:
            idle_ns = now_ns - self.done_ns
            if idle_ns < self._look_from_ns or self._is_usable(idle_ns):
                try:
                    self._ask(data)
                except _NothingWritten:
                    self.sent_ns = 0
                else:
                    return
            wire.drop()
        self._open()
        self._ask(data)

    def _is_usable(self, idle_ns: int) -> bool:
        """Return whether the connection may take another request; learn from its end."""
        wire = self._wire
        if wire.stirs(0) and not wire.silent():
            self._look_from_ns = 0
            self._idle_limit.learn((wire.stirred_ns - self.done_ns) if wire.stirred_ns else idle_ns)
            return False
        return idle_ns < IDLE_NS or not self._idle_limit.passed(
            idle_ns, self._parser.header(KEEP_ALIVE)
        )

    def _ask(self, data: bytes) -> None:
        """Send the request and read until the answer is whole. Raises _NothingWritten."""
        wire, parser = self._wire, self._parser
        parser.begin(data)
        self.sent_ns = now_ns = monotonic_ns()
        self._phase = FIRST_BYTE
        at_ns, end_ns = now_ns + self._first_byte_limit_ns, self._end_ns
        if end_ns < at_ns:  # Cheaper than a call of min().
            at_ns = end_ns
        deadline = self._deadline
        deadline.at_ns = at_ns
        if at_ns < deadline.scheduled_ns:
            deadline.move(at_ns, wire.hub.loop)
        hung_up = not wire.write(data)
        if hung_up and wire.took_nothing and not self.opened:
            raise _NothingWritten
        recv = wire.recv
        wire.wait_readable()
        while True:
            try:
                piece = recv(READ_BYTES)
            except BlockingIOError:
                wire.wait_readable()
                continue
            self.done_ns = monotonic_ns()
            if not piece:
                self._finish()
                break
            if parser.received == 0:
                self.first_byte_ns = self.done_ns
                deadline.at_ns = end_ns
                self._phase = ANSWER
            parser.feed(piece)
            if parser.done:
                break
        more = (len(piece) == READ_BYTES or wire.tls) and wire.may_hold_more()
        if hung_up or not parser.reusable or (more and not wire.silent()):
            wire.drop()

    def _finish(self) -> None:
        parser = self._parser
        if not parser.finish():
            words = f"closed by the server {parser.progress()}"
            raise SendFailed(Outcome.CLOSED, words, parser.status)

    def _reply(self) -> Reply:
        parser = self._parser
        known, body = parser.known, parser.body()
        if known is not None:
            status, lines, _, _, content_type, timing = known
            return _new_reply((status, content_type, timing, body, lines))
        head, header = parser.head or "", parser.header
        if CONTENT_ENCODING in head and not parser.is_bodyless:
            encoding = header(CONTENT_ENCODING)
            try:
                body = decompress.decode(body, encoding, self._limits.max_body_bytes)
            except (Malformed, TooLarge) as error:
                raise self._refused(error) from None
        timing = header(SERVER_TIMING) if SERVER_TIMING in head else ""
        return Reply(parser.status, header(CONTENT_TYPE), timing, body, head)

    def _failure(self, error: BaseException) -> SendFailed | None:
        match error:
            case SendFailed():
                return error
            case DeadlinePassed():
                return self._too_late()
            case ClosedHere():
                return SendFailed(Outcome.CONNECTION, "closed on this side")
            case Malformed() | TooLarge():
                return self._refused(error)
            case OSError():
                return SendFailed(*self._explain(error), self._parser.status)
            case MemoryError():
                return SendFailed(Outcome.OUT_OF_MEMORY, "no memory is left")
        return None

    def _explain(self, error: OSError) -> tuple[Outcome, str]:
        opening = not self._wire.is_open
        return errors.explain(error, opening=opening, when=self._parser.progress())

    def _refused(self, error: Malformed | TooLarge) -> SendFailed:
        if isinstance(error, TooLarge):
            return SendFailed(Outcome.TOO_LARGE, str(error), self._parser.status)
        return SendFailed(Outcome.MALFORMED, f"malformed answer: {error}", self._parser.status)

    def _too_late(self) -> SendFailed:
        whole, resolving = self._deadline.at_ns >= self._end_ns, self._wire.resolving
        return SendFailed(
            *errors.too_late(self._limits, self._phase, whole=whole, resolving=resolving)
        )

    def _open(self) -> None:
        # What was read over the last connection says nothing about this one.
        self._parser = self._new_parser()
        wire = self._wire
        wire.hub = get_hub()
        self._expect(monotonic_ns() + self._connect_limit_ns, CONNECT)
        wire.open()
        self.opened = 1
        self.reconnected = int(self._was_open)
        self._was_open = True

    def _new_parser(self) -> AnswerParser:
        return AnswerParser(
            max_head_bytes=self._limits.max_head_bytes, max_body_bytes=self._limits.max_body_bytes
        )

    def _expect(self, deadline_ns: int, phase: str) -> None:
        self._phase = phase
        self._deadline.move(min(deadline_ns, self._end_ns), self._wire.hub.loop)

    def _on_deadline(self) -> None:
        if self._wire.greenlet is not None:
            self._wire.greenlet.throw(DeadlinePassed)

    def _on_close(self) -> None:
        if self._wire.greenlet is None:
            self.close()
        else:
            self._wire.greenlet.throw(ClosedHere)


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)
