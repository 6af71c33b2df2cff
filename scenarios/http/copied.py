"""What requests that were copied from elsewhere have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args
from urllib.parse import urlsplit

from dragstrip.config.headers import OF_THE_CONNECTION
from dragstrip.config.text_file import text_of
from dragstrip.errors import ConfigError
from scenarios.http.described import Body
from scenarios.http.settings import Method

if TYPE_CHECKING:
    from pathlib import Path

# The connection says itself which encodings it can read.
_LEFT_OUT = OF_THE_CONNECTION | {"accept-encoding", "keep-alive", "proxy-connection"}
METHODS = get_args(Method)


def text_of_file(path: Path, field: str) -> str:
    """Read the text file of a field of [scenario]. Raises ConfigError."""
    return text_of(path, f"scenario.{field}", f"correct --{field}")


def path_of(url: str, place: str) -> str:
    """Return the path and query of an address; its host is the targets' to say."""
    try:
        parts = urlsplit(url if "://" in url or url.startswith("/") else f"http://{url}")
    except ValueError as error:
        raise ConfigError(
            f"{place}: the address cannot be read: {error}", fix="correct it"
        ) from None
    if parts.username or parts.password:
        raise ConfigError(
            f"{place}: the address holds a user name or a password",
            fix="remove it, and give --header 'Authorization: env:NAME'",
        )
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def add_header(headers: dict[str, str], line: str, place: str) -> None:
    """Take in a header line, unless the connection writes that header itself."""
    name, colon, value = line.partition(":")
    if not colon or not name.strip() or " " in name.strip():
        # The line may be a secret with its name forgotten.
        raise ConfigError(f"{place}: a header is not written as Name: value", fix="correct it")
    if name.strip().lower() not in _LEFT_OUT:
        headers[name.strip()] = value.strip()


def raw_body(text: str | None) -> Body | None:
    """Return a body that is sent as it was copied."""
    return None if text is None else Body("raw", text)
