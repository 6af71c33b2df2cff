"""A target: a named path to the answer, and the requests it understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from dragstrip.scenario.request import Request
from scenarios.crm.auth import api_key_header, kapso_headers

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.config.config import Config, Kind

LOOKUP_PATH: dict[Kind, str] = {
    "convex-http": "/http/contacts/getByPhone",
    "next-supabase": "/api/contacts/by-phone",
    "next-convex": "/api/contacts/by-phone-convex",
}

MESSAGE_PATH: dict[Kind, str] = {
    "convex-http": "/webhook/kapso",
    "next-supabase": "/api/webhook/kapso",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One path to the answer.

    `url` is its base address without a trailing slash; `ca_file` holds the authorities to
    trust for https instead of the well-known ones.
    """

    name: str
    kind: Kind
    url: str
    ca_file: Path | None = None

    def lookup(
        self, phone: str, workspace_id: str, *, api_key: str, request_id: str | None = None
    ) -> Request:
        """Return the lookup of a phone number in a workspace."""
        query = f"?phone={quote(phone, safe='')}&workspace_id={quote(workspace_id, safe='')}"
        headers = api_key_header(api_key)
        if request_id is not None:
            headers["x-request-id"] = request_id
        return Request("GET", LOOKUP_PATH[self.kind] + query, headers)

    def message(self, body: bytes, *, secret: str, idempotency_key: str) -> Request:
        """Return the delivery of one inbound message; KeyError for a kind without a webhook."""
        headers = kapso_headers(body, secret, idempotency_key)
        return Request("POST", MESSAGE_PATH[self.kind], headers, body)


def targets_of(config: Config) -> dict[str, Target]:
    """Return every configured target by name. Raises ConfigError for one without an address."""
    return {
        name: Target(name, target.kind, config.url_of(name), target.ca_file)
        for name, target in config.targets.items()
    }
