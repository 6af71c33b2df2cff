"""Writes requests as bytes, and refuses what would change their meaning on the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragstrip.config.headers import NAME, OF_THE_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dragstrip.load.http.address import Address
    from dragstrip.scenario import Request

# Said in so many words, so that no side compresses by a default of its own.
DEFAULT_HEADERS = {
    "user-agent": "dragstrip",
    "accept": "application/json",
    "accept-encoding": "identity",
}
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"})
WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})
_FORBIDDEN_IN_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class UnfitRequest(Exception):
    """A request that cannot be sent as it is; the message shows no header's value."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as bytes, checked once; any connection to `address` may send it, any often.

    The bytes hold secrets and stay out of the repr.
    """

    address: Address
    data: bytes = field(repr=False)


def require_fit(method: str, path: str) -> None:
    """Raise UnfitRequest unless a request can be sent as it is."""
    if method not in _METHODS:
        raise UnfitRequest(f"the method {method!r} is not supported"[:80])
    if not (path.startswith("/") and path.isascii() and path.isprintable() and " " not in path):
        raise UnfitRequest("the path holds a character that must be percent-encoded")


def merged_headers(always: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Return headers by their names in lower case; a request's own win. Raises UnfitRequest."""
    merged = dict(always)
    for name, value in own.items():
        lowered = name.lower()
        if not NAME.fullmatch(name):
            raise UnfitRequest("a header's name is not a token")
        if lowered in OF_THE_CONNECTION:
            raise UnfitRequest(f"the header {lowered} is set by the connection")
        merged[lowered] = value
    for name, value in merged.items():
        if _FORBIDDEN_IN_VALUE.search(value):
            raise UnfitRequest(f"the header {name} holds a line break or a control character")
    return merged


class RequestWriter:
    """Turns requests to one address into bytes. `headers` go with each, unless it has its own."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self._address = address
        self._prefix = address.prefix
        self._authority = address.authority
        self._always = {name.lower(): value for name, value in headers.items()}
        self._headers: dict[str, str] = {}
        self._block = self._encode(self._headers)

    def prepare(self, request: Request) -> Prepared:
        """Return the whole request for use by many. Raises UnfitRequest."""
        return Prepared(self._address, self.write(request))

    def write(self, request: Request) -> bytes:
        """Return the whole request. Raises UnfitRequest before anything could be sent."""
        method, path, body = request.method, request.path, request.body
        require_fit(method, path)
        # Requests differ by their path alone, so one block of headers serves nearly all of them.
        if request.headers != self._headers:
            self._block = self._encode(request.headers)
            self._headers = dict(request.headers)
        if body is None and method not in WITH_LENGTH:
            return f"{method} {self._prefix}{path}{self._block}\r\n".encode("latin-1")
        body = body or b""
        head = f"{method} {self._prefix}{path}{self._block}content-length: {len(body)}\r\n\r\n"
        return head.encode("latin-1") + body

    def _encode(self, headers: Mapping[str, str]) -> str:
        merged = merged_headers(self._always, headers)
        lines = [f"{name}: {value}\r\n" for name, value in merged.items()]
        return f" HTTP/1.1\r\nhost: {self._authority}\r\n{''.join(lines)}"
