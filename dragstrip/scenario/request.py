"""One HTTP request, ready to be written to a socket or handed to any client."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """A request relative to its target's address.

    `path` starts with "/" and holds the query string. `headers` carry secrets and stay out of the
    repr, so that no log or traceback can show them.
    """

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
