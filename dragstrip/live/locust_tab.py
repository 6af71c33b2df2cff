"""Locust's own pages of the race under way, in a tab of the live page: to look at, no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from flask import Response, request

from dragstrip.run.ipc import TOKEN_HEADER

if TYPE_CHECKING:
    from flask import Flask

    from dragstrip.run.ipc import LocustPages

_PATIENCE_S = 5.0
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_WITHOUT_BAR = b"<style>header { display: none !important }</style></head>"
"""Its bar has buttons that start and stop: this page's are the ones that count."""
_NONE = "Locust's own figures are here while a race is under way."


def add(app: Flask, pages: LocustPages) -> None:
    """Add them under /locust/."""
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{pages.port}",
        headers={TOKEN_HEADER: pages.token},
        timeout=_PATIENCE_S,
        trust_env=False,
    )

    def show(path: str = "") -> Response:
        try:
            found = client.get(f"/{path}", params=request.query_string.decode())
        except httpx.HTTPError:
            return Response(_NONE, mimetype="text/plain")
        body = found.content if path else found.content.replace(b"</head>", _WITHOUT_BAR, 1)
        kind = found.headers.get("content-type", "application/octet-stream")
        return Response(body, found.status_code, {"Content-Security-Policy": _POLICY}, None, kind)

    app.add_url_rule("/locust/", "locust", show)
    app.add_url_rule("/locust/<path:path>", "locust_part", show)
