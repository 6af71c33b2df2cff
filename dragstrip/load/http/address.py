"""A target's base address, taken apart once."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from dragstrip.errors import ConfigError

_DEFAULT_PORT = {"http": 80, "https": 443}
_UNPRINTABLE = re.compile(r"[^\x21-\U0010ffff]|[\x7f-\xa0]")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
_PREFIX = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True, slots=True)
class Address:
    """Where connections go and how requests name it.

    `host` is a name in ASCII or an IP literal without brackets; `authority` is the Host header;
    `prefix` goes before every request's path and has no trailing slash.
    """

    host: str
    port: int
    tls: bool
    authority: str
    prefix: str

    # All connections to a target share one, so that comparing two is comparing identities.
    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, url: str) -> Address:
        """Take an http:// or https:// address apart. Raises ConfigError, never showing a secret."""
        # urlsplit drops line breaks without a word.
        if _UNPRINTABLE.search(url):
            raise _wrong("holds a space or a control character")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _wrong(str(error)) from None
        if parts.scheme not in _DEFAULT_PORT or not parts.hostname:
            raise _wrong("is not an http:// or https:// address with a host")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise _wrong("holds a user name, a query or a fragment")
        if port == 0:
            raise _wrong("has port 0")
        if not _PREFIX.fullmatch(parts.path):
            raise _wrong("has a path that is not ASCII")
        host = _ascii_host(parts.hostname)
        default = _DEFAULT_PORT[parts.scheme]
        shown = f"[{host}]" if ":" in host else host
        return cls(
            host=host,
            port=port or default,
            tls=parts.scheme == "https",
            authority=shown if port in {None, default} else f"{shown}:{port}",
            prefix=parts.path.rstrip("/"),
        )


def _ascii_host(host: str) -> str:
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise _wrong("has an invalid IPv6 address") from None
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        name = ""
    if not _HOST_NAME.fullmatch(name):
        raise _wrong("has an invalid host name")
    return name


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"a target's address {what}", fix="write it as http://host:port or https://")
