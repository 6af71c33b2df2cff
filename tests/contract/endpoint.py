"""One path to the answer, and what is checked on every one of its answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dragstrip.scenario import Target
from dragstrip.scenario.kinds import kinds
from scenarios.crm import requests
from scenarios.crm.auth import kapso_headers

if TYPE_CHECKING:
    import httpx


SERVER_TIMING = re.compile(r"query;dur=(\d+(?:\.\d+)?), total;dur=(\d+(?:\.\d+)?)")

NOT_FOUND: dict[str, Any] = {
    "found": False,
    "contact": None,
    "notes": [],
    "last_interaction": None,
    "recent_messages": [],
}
UNAUTHORIZED = {"found": False, "error": "Unauthorized"}
MISSING_PHONE = {"found": False, "error": "Missing phone parameter"}
MISSING_WORKSPACE = {"found": False, "error": "Missing workspace_id parameter"}
NOT_CONFIGURED = {"error": "Service not configured"}
INTERNAL_ERROR = {"error": "Internal server error"}


@dataclass(frozen=True)
class LookupEndpoint:
    """A lookup endpoint. Every answer it gives is checked for what all answers must have."""

    kind: str
    url: str
    client: httpx.Client = field(repr=False)
    key: str = field(repr=False)

    @property
    def path(self) -> str:
        return kinds()[self.kind].paths["lookup"]

    def lookup(
        self, phone: str, workspace_id: str, request_id: str | None = None
    ) -> httpx.Response:
        """Send what the scenarios send."""
        target = Target(self.kind, self.kind, self.url)
        request = requests.lookup(
            target, phone, workspace_id, api_key=self.key, request_id=request_id
        )
        return checked(self.client.get(self.url + request.path, headers=request.headers))

    def get(self, params: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
        """Send any parameters and headers; no key unless `headers` has one."""
        return checked(self.client.get(self.url + self.path, params=params, headers=headers))


@dataclass(frozen=True)
class Webhook:
    """A webhook endpoint, checked like a lookup's."""

    kind: str
    url: str
    client: httpx.Client = field(repr=False)
    secret: str = field(repr=False)

    @property
    def path(self) -> str:
        return kinds()[self.kind].paths["message"]

    def deliver(self, body: bytes | dict[str, Any], attempt_of: str = "contract") -> httpx.Response:
        """Deliver a body with the signature that fits it, and an idempotency key."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.post(raw, kapso_headers(raw, self.secret, idempotency_key=attempt_of))

    def post(self, raw: bytes, headers: dict[str, str]) -> httpx.Response:
        """Send a body with exactly these headers."""
        return checked(self.client.post(self.url + self.path, content=raw, headers=headers))


def checked(response: httpx.Response) -> httpx.Response:
    """Check what holds for every answer, whatever its status."""
    timing = SERVER_TIMING.fullmatch(response.headers.get("server-timing", ""))
    assert timing, f"Server-Timing is {response.headers.get('server-timing')!r}"
    query_ms, total_ms = map(float, timing.groups())
    assert query_ms <= total_ms
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"].startswith("application/json")
    return response
