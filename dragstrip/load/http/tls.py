"""TLS between a non-blocking socket and its reader. Certificates and host names are verified."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

import certifi

from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    import _socket
    from pathlib import Path

_RAW_BYTES = 32_768


@lru_cache(maxsize=8)
def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that trusts the system and certifi, or only `ca_file`. Raises ConfigError.

    Loading certificates takes tens of milliseconds, so every connection shares one context.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        fix = "let the target's ca_file name a readable file of PEM certificates"
        raise ConfigError(f"cannot read certificates from {ca_file}", fix=fix) from None
    if ca_file is None:
        context.load_verify_locations(certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


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
    def buffered(self) -> bool:
        """Whether bytes were taken off the socket and not yet read."""
        return bool(self._incoming.pending or self._tls.pending())

    def _receive(self) -> None:
        data = self._sock.recv(_RAW_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
