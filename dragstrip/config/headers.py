"""Headers in the configuration: which hold secrets, and where a secret's value comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator

from dragstrip.redact import STARS

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SECRET_NAME = re.compile(
    r"auth(?!or\b)|cookie|token|secret|passw|credential|session|signature|bypass|jwt|^x-key$|"
    r"(?:access|account|admin|api|app|functions|master|private|subscription)[-_]?key",
    re.IGNORECASE,
)
_SECRET_PARAMETERS = frozenset({"key", "pwd", "sig"})
_REFERENCE = re.compile(r"(?:(Bearer|Basic|Token) )?(env|file):(.+)")
OF_THE_CONNECTION = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te"}
)
"""The connection decides these: a second opinion would let two readers see two messages."""


def is_secret(name: str) -> bool:
    """Whether a header of this name holds what no output may show."""
    return _SECRET_NAME.search(name) is not None


def secret_parameters(path: str) -> dict[str, str]:
    """Return the parameters in the query of a path that look like secrets, and their values."""
    return {
        name: value
        for name, value in parse_qsl(path.partition("?")[2])
        if (is_secret(name) or name.lower() in _SECRET_PARAMETERS) and "{" not in value
    }


def reference_in(value: str) -> tuple[str, str, str] | None:
    """Return (scheme, "env" or "file", name or path) of a value that stands elsewhere."""
    found = _REFERENCE.fullmatch(value)
    return (found[1] or "", found[2], found[3]) if found else None


def hidden(headers: Mapping[str, str], also: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return headers fit to be shown; `also` are further names, in lower case, to hide."""
    return {
        name: STARS if is_secret(name) or name.lower() in also else value
        for name, value in headers.items()
    }


def sound(headers: dict[str, str]) -> dict[str, str]:
    """Return headers that may stand in a configuration. Raises ValueError."""
    for name, value in headers.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header; write 'Name: value'")
        if name.lower() in OF_THE_CONNECTION:
            raise ValueError(f"the connection writes the header {name} itself; leave it out")
        if _CONTROL.search(value):
            raise ValueError(f"the value of {name} holds a line break or a control character")
        if is_secret(name) and value and not (reference_in(value) or "{" in value):
            raise ValueError(
                f"{name} holds a secret, which must not stand here; write env:NAME for an "
                "environment variable, or file:PATH"
            )
    return headers


Headers = Annotated[dict[str, str], AfterValidator(sound)]
"""Values by name. A secret is named, as `env:NAME` or `file:PATH`, and does not stand here."""
