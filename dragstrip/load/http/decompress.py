"""Undoes a body's content coding, never producing more than the bound."""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

from dragstrip.load.http.parser import Malformed, TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
# A sender must not ask for a larger window than 8 MiB (RFC 9659).
_ZSTD: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
_DAMAGED = (zlib.error, zstd.ZstdError, brotli.error)
# Each member copies what follows it: a body of empty ones would take minutes.
_MOST_MEMBERS = 64


class _Unpacker(Protocol):
    """Unpacks one member of a body."""

    @property
    def eof(self) -> bool:
        """Whether the member's end was reached."""

    @property
    def unused_data(self) -> bytes:
        """What follows the member."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most about so many bytes."""


class _Brotli:
    """Brotli in the form that zlib and zstd have. Bytes after the end are an error of its own."""

    unused_data = b""

    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._decoder.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked: bytes = self._decoder.process(data, output_buffer_limit=max_length)
        while len(unpacked) < max_length and not self._decoder.can_accept_more_data():
            unpacked += self._decoder.process(b"", output_buffer_limit=max_length)
        return unpacked


def decode(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the body behind `encoding`, a Content-Encoding header's value in lower case.

    Raises TooLarge past `max_bytes`, Malformed for a coding other than gzip, deflate, br and zstd,
    and for a body that is cut off or damaged.
    """
    match encoding:
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _unpack(body, lambda: zlib.decompressobj(_GZIP), max_bytes, members=True)
        case "deflate":
            form = _ZLIB if _has_zlib_header(body) else _RAW_DEFLATE
            return _unpack(body, lambda: zlib.decompressobj(form), max_bytes)
        case "br":
            return _unpack(body, _Brotli, max_bytes)
        case "zstd":
            new = zstd.ZstdDecompressor
            return _unpack(body, lambda: new(options=_ZSTD), max_bytes, members=True)
    raise Malformed(f"its content coding is {encoding[:40]!r}, not gzip, deflate, br or zstd")


def _unpack(
    body: bytes, unpacker: Callable[[], _Unpacker], max_bytes: int, *, members: bool = False
) -> bytes:
    """Unpack a body of one member, or of as many as follow each other."""
    parts: list[bytes] = []
    room = max_bytes
    rest = body
    for _ in range(_MOST_MEMBERS):
        member = unpacker()
        try:
            # One byte more than there is room for tells a full body from one that goes on.
            part = member.decompress(rest, room + 1)
        except _DAMAGED:
            raise Malformed("its compressed body is damaged") from None
        if len(part) > room:
            raise TooLarge(f"the body unpacks to more than {max_bytes} bytes")
        if not member.eof:
            raise Malformed("its compressed body is cut off")
        parts.append(part)
        room -= len(part)
        rest = member.unused_data
        if not rest:
            return b"".join(parts)
        if not members:
            raise Malformed("bytes follow its compressed body")
    raise Malformed(f"its compressed body has more than {_MOST_MEMBERS} members")


def _has_zlib_header(body: bytes) -> bool:
    # Some servers send raw deflate data under the same name (RFC 9110, section 8.4.1.2).
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
