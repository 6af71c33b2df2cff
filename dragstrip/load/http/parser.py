"""Reads one answer after another from a byte stream, within bounds."""

from __future__ import annotations

import re

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from dragstrip.load.http.head_cache import Head, KnownHeads
from dragstrip.scenario.check import header_in

_PROTOCOL = b"HTTP/1."
_END_OF_HEAD = b"\r\n\r\n"
# How the headers of interest stand in a head that was made lower case.
CONNECTION = "\r\nconnection:"
CONTENT_TYPE = "\r\ncontent-type:"
CONTENT_LENGTH = "\r\ncontent-length:"
CONTENT_ENCODING = "\r\ncontent-encoding:"
KEEP_ALIVE = "\r\nkeep-alive:"
SERVER_TIMING = "\r\nserver-timing:"
TRANSFER_ENCODING = "\r\ntransfer-encoding:"
# A chunk of one byte takes six on the wire; more than this is padding.
_WIRE_BYTES_PER_BODY_BYTE = 8


class Malformed(Exception):
    """The bytes are not an HTTP/1.x answer that this client understands."""


class TooLarge(Exception):
    """The headers or the body pass their bound."""


class _AnotherAnswer(Exception):
    """Stops the parser at a second answer, before it mixes into the first."""


_HEADS = KnownHeads()


class AnswerParser:
    """The state of the answer being read. Call `begin` before each; `done` says when it is whole.

    After `done`, `status`, `header()` and `body()` hold; `reusable` says whether another request
    may follow on the connection.
    """

    # httptools checks every byte and finds the body. It would also call back for each header,
    # which costs more than looking up the few of interest in the head, known by then to be
    # lines between CRLFs.
    __slots__ = (
        "_body",
        "_bodyless",
        "_head",
        "_heads",
        "_max_body_bytes",
        "_max_head_bytes",
        "_more",
        "_parser",
        "done",
        "head",
        "known",
        "received",
        "reusable",
        "size",
        "status",
    )

    def __init__(
        self, *, max_head_bytes: int, max_body_bytes: int, heads: KnownHeads = _HEADS
    ) -> None:
        self._heads = heads
        self._max_head_bytes = max_head_bytes
        self._max_body_bytes = max_body_bytes
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self, request: bytes = b"") -> None:
        """Forget the last answer. The next answers `request`, without a body if that is a HEAD."""
        self._bodyless = request[:5] == b"HEAD "
        self.done = self.reusable = False
        self.status = self.received = self.size = 0
        self.head: str | None = None
        """The final answer's headers in lower case, once they are all there; each ends its line."""
        self.known: Head | None = None
        """What is remembered of this head, if it is."""
        self._head: bytes | bytearray = b""
        self._body = b""
        self._more: list[bytes] | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises Malformed and TooLarge; then the connection is spent."""
        if self.received == 0 and self._heads.learning and not self._bodyless:
            if not self._recall(data):
                self._parse(data)
                self._learn(data)
        else:
            self._parse(data)

    def _recall(self, data: bytes) -> bool:
        """Take a whole answer with a head that is known; return whether it was one."""
        head = self._heads.find(data)
        if head is None or len(data) != head.start + head.body_bytes:
            return False
        if head.body_bytes > self._max_body_bytes:
            return False
        self.known = head
        self._head = data
        self.status, self.head, start, self.size, _, _ = head
        self.received = len(data)
        self._body = data[start:]
        self.done = self.reusable = True
        return True

    def _learn(self, data: bytes) -> None:
        # Its length must follow from the head alone. An interim answer came before the head if
        # what was kept of that is no longer the data.
        head = self.head
        if not (self.done and self.reusable and head and self._head is data):
            return
        if CONTENT_ENCODING in head:
            return
        if CONTENT_LENGTH in head and TRANSFER_ENCODING not in head:
            start = len(data) - self.size
            if data.find(_END_OF_HEAD) + len(_END_OF_HEAD) == start:
                kinds = self.header(CONTENT_TYPE), self.header(SERVER_TIMING)
                self._heads.learn(data, Head(self.status, head, start, self.size, *kinds))

    def _parse(self, data: bytes) -> None:
        self.received += len(data)
        if self.head is None:
            if not self._head and data.startswith(_PROTOCOL):
                self._head = data
            else:
                self._keep_head(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            raise Malformed("it switches to another protocol") from None
        except HttpParserError as error:
            if not self.done:
                cause = error.__context__
                raise cause if isinstance(cause, Malformed) else Malformed(str(error)) from None
            self.reusable = False
        if self.head is None:
            self._settle_head()
            if self._bodyless and self.head is not None:
                self._end_without_body()
        if not self.done:
            self._check_wire_bytes()
        if self.size > self._max_body_bytes:
            raise self._body_too_large()

    def finish(self) -> bool:
        """Note that the server closed the connection; return whether the answer is whole.

        Only an answer without a length ends that way (RFC 9112, section 6.3).
        """
        if self.head is not None:
            self.done = CONTENT_LENGTH not in self.head and TRANSFER_ENCODING not in self.head
        return self.done

    @property
    def is_bodyless(self) -> bool:
        """Whether the answer has no body, whatever its head says (RFC 9112, section 6.3)."""
        return self._bodyless or self.status in {204, 304}

    def header(self, key: str) -> str:
        """Return the value of a header of interest in lower case; several make one list."""
        return header_in(self.head or "", key) or ""

    def sent_header(self, name: str) -> str:
        """Return the value of a header as it was sent, letter case included; "" where absent."""
        head = bytes(self._head).partition(_END_OF_HEAD)[0].decode("latin-1")
        found = re.search(rf"\r\n{name}:[ \t]*([^\r]*)", head, re.IGNORECASE)
        return found[1].rstrip() if found else ""

    def body(self) -> bytes:
        """Return the body as sent."""
        return self._body if self._more is None else b"".join(self._more)

    def progress(self) -> str:
        """Say in words how much of the answer came."""
        if not self.received:
            return "before the answer"
        if self.head is None:
            return "inside the headers"
        length = self.header(CONTENT_LENGTH)
        if length:
            return f"after {self.size} of {int(length)} body bytes"
        return f"inside the body, after {self.size} bytes"

    def _keep_head(self, data: bytes) -> None:
        if not self._head:
            self._head = data
        else:
            self._head = bytearray(self._head) if isinstance(self._head, bytes) else self._head
            self._head += data
        if self._head[: len(_PROTOCOL)] != _PROTOCOL:
            self._check_start()

    def _check_start(self) -> None:
        # The C parser also takes RTSP/, ICE/ and HTTP/0.9, and skips blank lines.
        start = self._head[: len(_PROTOCOL)]
        if start != _PROTOCOL[: len(start)]:
            raise Malformed("it does not begin with HTTP/1.")

    def _settle_head(self) -> None:
        end = self._head.find(_END_OF_HEAD)
        if not self.done:
            self.status = self._parser.get_status_code()
            if end < 0 or 100 <= self.status < 200:
                return
        lines = self._head if end < 0 else self._head[: end + 2]
        self.head = lines.decode("latin-1").lower()
        if self.status < 100:
            raise Malformed(f"its status is {self.status}")
        if TRANSFER_ENCODING in self.head:
            if self.header(TRANSFER_ENCODING) != "chunked":
                raise Malformed("its transfer coding is not chunked")
        elif self.done or self._bodyless:
            return
        elif int(self.header(CONTENT_LENGTH) or 0) > self._max_body_bytes:
            raise self._body_too_large()

    def _end_without_body(self) -> None:
        """End an answer whose head says what a GET would have brought."""
        self.done = True
        self.reusable = (
            len(self._head) == len(self.head or "") + 2
            and self._head.startswith(b"HTTP/1.1")
            and "close" not in self.header(CONNECTION)
        )
        # A body that did come is no part of the answer.
        self._body, self._more, self.size = b"", None, 0
        self._parser = HttpResponseParser(self)

    def _check_wire_bytes(self) -> None:
        rest = self.received - self.size
        if rest <= self._max_head_bytes:
            return
        if self.head is None:
            raise TooLarge(f"the headers are longer than {self._max_head_bytes} bytes")
        if rest > self._max_head_bytes + _WIRE_BYTES_PER_BODY_BYTE * self.size:
            raise TooLarge("its chunks are mostly padding")

    def _body_too_large(self) -> TooLarge:
        return TooLarge(f"the body is longer than {self._max_body_bytes} bytes")

    def on_message_begin(self) -> None:
        """Refuse an answer without a request."""
        if self.done:
            raise _AnotherAnswer

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if self.size == 0:
            self._body = data
        elif self._more is None:
            self._more = [self._body, data]
        elif self.size <= self._max_body_bytes:
            # Past the bound the rest is dropped; feed() then raises.
            self._more.append(data)
        self.size += len(data)

    def on_message_complete(self) -> None:
        """Note the end of an answer; an interim one (1xx) only announces the next."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self._head = self._head.partition(_END_OF_HEAD)[2]
            self._check_start()
            return
        self.status = status
        self.done = True
        self.reusable = self._parser.should_keep_alive()
