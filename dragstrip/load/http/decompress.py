"""Undoes a body's content coding, never producing more than the bound."""

from __future__ import annotations

import zlib

from dragstrip.load.http.parser import Malformed, TooLarge

_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
# Each member copies what follows it: a body of empty ones would take minutes.
_MOST_MEMBERS = 64


def decode(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return the body behind `encoding`, a Content-Encoding header's value in lower case.

    Raises TooLarge past `max_bytes`, Malformed for a coding other than gzip and deflate, and for
    a body that is cut off or damaged.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding in {"gzip", "x-gzip"}:
        return _inflate(body, _GZIP, max_bytes)
    if encoding == "deflate":
        return _inflate(body, _ZLIB if _has_zlib_header(body) else _RAW_DEFLATE, max_bytes)
    raise Malformed(f"its content coding is {encoding[:40]!r}, not gzip or deflate")


def _inflate(body: bytes, format_bits: int, max_bytes: int) -> bytes:
    parts: list[bytes] = []
    room = max_bytes
    rest = body
    for _ in range(_MOST_MEMBERS):
        inflater = zlib.decompressobj(format_bits)
        try:
            # One byte more than there is room for tells a full body from one that goes on.
            part = inflater.decompress(rest, room + 1)
        except zlib.error:
            raise Malformed("its compressed body is damaged") from None
        if len(part) > room:
            raise TooLarge(f"the body unpacks to more than {max_bytes} bytes")
        if not inflater.eof:
            raise Malformed("its compressed body is cut off")
        parts.append(part)
        room -= len(part)
        rest = inflater.unused_data
        if not rest:
            return b"".join(parts)
        if format_bits != _GZIP:
            raise Malformed("bytes follow its compressed body")
    raise Malformed(f"its compressed body has more than {_MOST_MEMBERS} members")


def _has_zlib_header(body: bytes) -> bool:
    # Some servers send raw deflate data under the same name (RFC 9110, section 8.4.1.2).
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
