"""The CRM's requests: a lookup by phone number, and the delivery of an inbound message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.errors import ConfigError
from dragstrip.scenario.request import Request
from scenarios.crm.auth import kapso_headers
from scenarios.crm.lookup_kind import lookup_kind

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
    """Return the lookup of a phone number in a workspace, as the target's kind is asked."""
    request = lookup_kind(target).lookup(target.paths["lookup"], phone, workspace_id, api_key)
    if request_id is not None:
        request.headers["x-request-id"] = request_id
    return _with_own_headers(request, target)


def message(target: Target, body: bytes, *, secret: str, idempotency_key: str) -> Request:
    """Return the delivery of one inbound message; KeyError for a kind without a webhook."""
    headers = kapso_headers(body, secret, idempotency_key)
    return _with_own_headers(Request("POST", target.paths["message"], headers, body), target)


def _with_own_headers(request: Request, target: Target) -> Request:
    """Add the headers that are configured for a target. Raises ConfigError."""
    written = {name.lower() for name in request.headers} if target.headers else ()
    for name, value in target.headers.items():
        if name.lower() in written:
            raise ConfigError(
                f"targets.{target.name}.headers: the scenario writes {name} itself",
                fix="leave it out",
            )
        request.headers[name] = value
    return request
