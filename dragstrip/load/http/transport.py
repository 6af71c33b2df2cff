"""A socket to one address on gevent's event loop, with TLS or without.

The watcher that tells when there is something to read stays armed from one answer to the next.
"""

from __future__ import annotations

import select
import ssl
from contextlib import suppress
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from gevent import getcurrent, monkey

from dragstrip import tls
from dragstrip.load.http.connect import connect, places_of
from dragstrip.load.http.tls import TlsStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.load.http.address import Address

READ_BYTES = 1 << 16
_READABLE, _WRITABLE = 1, 2
# Locust replaces select.poll by one that lets other greenlets run.
_poll = monkey.get_original("select", "poll")


class Wire:
    """Opens, writes, waits and closes; used by one greenlet at a time.

    `recv(most)` reads what has come, without waiting; BlockingIOError when nothing has.
    `write(data)` sends everything, and returns False when the server takes no more, as it may have
    answered; `took_nothing` then says whether this machine's own kernel took no byte of it. A false
    value of `stirs(0)` says that nothing came and the server has not closed: the cheapest look
    there is. All are there while it `is_open`, between `open` and `drop`.
    """

    __slots__ = (
        "_address",
        "_armed",
        "_context",
        "_parked",
        "_reader",
        "_sock",
        "greenlet",
        "hub",
        "is_open",
        "recv",
        "resolving",
        "stirred_ns",
        "stirs",
        "tls",
        "took_nothing",
        "write",
    )

    recv: Callable[[int], bytes]
    stirs: Callable[[int], Any]
    write: Callable[[bytes], bool]

    def __init__(self, address: Address, files: tls.TlsFiles, protocol: str = tls.HTTP_1_1) -> None:
        self._address = address
        self._context = tls.context(files, protocol) if address.tls else None
        self._sock: Any = None
        self.tls: TlsStream | None = None
        self._reader: Any = None
        self._armed = self._parked = self.is_open = False
        self.greenlet: Any = None
        """Who uses it at present: the one that watchers wake."""
        self.hub: Any = None
        """The hub of the thread that uses it, to be set before `open`."""
        self.took_nothing = False
        self.resolving = False
        """Whether the host's name is being looked up, or was when `open` was interrupted."""
        self.stirred_ns = 0
        """When something came, or the server closed, while nothing waited for it; 0 for never."""

    def open(self) -> None:
        """Connect, and agree on TLS. Raises OSError; then `drop` what was begun."""
        self.resolving = True
        places = places_of(self._address)
        self.resolving = False
        self._sock = connect(places, self.hub)
        self._reader = self.hub.loop.io(self._sock.fileno(), _READABLE)
        self.recv, self.write = self._sock.recv, self._send
        if self._context is not None:
            self.tls = TlsStream(self._sock, self._context, self._address.host)
            self._shake_hands(self.tls)
            self.recv, self.write = self.tls.recv, self._seal_and_send
        looker = _poll()
        looker.register(self._sock.fileno(), select.POLLIN)
        self.stirs = looker.poll
        self.stirred_ns = 0
        self.is_open = True

    def drop(self) -> None:
        """Close at once, however far it came."""
        self._parked = False
        sock = self._sock
        if sock is None:
            return
        self._sock = self.tls = None
        self.is_open = self._armed = False
        self._reader.stop()
        self._reader.close()
        sock.close()

    def silent(self) -> bool:
        """Whether nothing waits to be read: no end, no answer without a request.

        Over TLS, session tickets are taken in on the way.
        """
        try:
            self.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def may_hold_more(self) -> bool:
        """Whether something may wait behind a piece that was read, which was whole without TLS."""
        return self.tls is None or self.tls.buffered

    def wait_readable(self) -> None:
        """Block until something has come. After an error that is raised into it, `drop`."""
        if not self._armed:
            self._reader.start(self._on_readable)
            self._armed = True
        self._parked = True
        self.hub.switch()

    def _on_readable(self) -> None:
        if self._parked:
            self._parked = False
            self.greenlet.switch()
        else:
            self.stirred_ns = monotonic_ns()
            self._reader.stop()
            self._armed = False

    def _wait_writable(self) -> None:
        watcher = self.hub.loop.io(self._sock.fileno(), _WRITABLE)
        watcher.start(getcurrent().switch)
        try:
            self.hub.switch()
        finally:
            watcher.stop()
            watcher.close()

    def _seal_and_send(self, data: bytes) -> bool:
        assert self.tls is not None  # noqa: S101
        return self._send(self.tls.seal(data))

    def _send(self, data: bytes) -> bool:
        sock = self._sock
        rest: bytes | memoryview = data
        while True:
            try:
                sent = sock.send(rest)
            except BlockingIOError:
                sent = 0
            except (BrokenPipeError, ConnectionResetError):
                self.took_nothing = rest is data
                return False
            if sent == len(rest):
                return True
            rest = memoryview(rest)[sent:]
            self._wait_writable()

    def _shake_hands(self, stream: TlsStream) -> None:
        over = False
        while not over:
            try:
                over = stream.shake_hands()
            except BlockingIOError:
                self.wait_readable()
            except ssl.SSLError:
                # The server learns why from the alert.
                with suppress(OSError):
                    self._sock.send(stream.unsent())
                raise
            else:
                self._send(stream.unsent())
