"""TLS between a non-blocking socket and its reader. Certificates and host names are verified."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket

_RAW_BYTES = 32_768


class TlsStream:
    """Seals what is to be sent and opens what came, without ever waiting.

    It keeps to memory buffers, because a TLS socket made after Locust's patching waits by itself.
    """

    def __init__(self, sock: _socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    def shake_hands(self) -> bool:
        """Go as far as possible and return whether the handshake is over. Raises SSLError.

        Send `unsent()` after each call, also after an error: it holds the alert.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    return False
                self._receive()
            else:
                return True

    def unsent(self) -> bytes:
        """Return sealed bytes that must go out."""
        return self._outgoing.read()

    def seal(self, data: bytes) -> bytes:
        """Return what to send in place of `data`."""
        self._tls.write(data)
        return self._outgoing.read()

    def recv(self, most: int) -> bytes:
        """Read like a non-blocking socket. An end that TLS did not announce raises SSLEOFError."""
        while True:
            try:
                return self._tls.read(most)
            except ssl.SSLWantReadError:
                self._receive()
            except ssl.SSLZeroReturnError:
                return b""

    @property
    def protocol(self) -> str | None:
        """What both sides agreed on by ALPN."""
        return self._tls.selected_alpn_protocol()

    @property
    def buffered(self) -> bool:
        """Whether bytes were taken off the socket and not yet read."""
        return bool(self._incoming.pending or self._tls.pending())

    def _receive(self) -> None:
        data = self._sock.recv(_RAW_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
