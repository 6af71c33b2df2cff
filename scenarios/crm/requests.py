"""The CRM's requests: a lookup by phone number, and the delivery of an inbound message."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from dragstrip.scenario.request import Request
from scenarios.crm.auth import api_key_header, kapso_headers

if TYPE_CHECKING:
    from dragstrip.scenario.target import Target


def lookup(
    target: Target,
    phone: str,
    workspace_id: str,
    *,
    api_key: str,
    request_id: str | None = None,
) -> Request:
    """Return the lookup of a phone number in a workspace."""
    query = f"?phone={quote(phone, safe='')}&workspace_id={quote(workspace_id, safe='')}"
    headers = api_key_header(api_key)
    if request_id is not None:
        headers["x-request-id"] = request_id
    return Request("GET", target.paths["lookup"] + query, headers)


def message(target: Target, body: bytes, *, secret: str, idempotency_key: str) -> Request:
    """Return the delivery of one inbound message; KeyError for a kind without a webhook."""
    headers = kapso_headers(body, secret, idempotency_key)
    return Request("POST", target.paths["message"], headers, body)
