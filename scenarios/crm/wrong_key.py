"""Whether a target checks its key: one that accepts any would skip work that the other does."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import httpx

from dragstrip.errors import PreflightError
from dragstrip.scenario.target import address_of
from dragstrip.scenario.untimed_client import client_of, send
from scenarios.crm.requests import lookup

if TYPE_CHECKING:
    from dragstrip.scenario import Target

_UNAUTHORIZED = {"found": False, "error": "Unauthorized"}


def refuses_wrong_key(target: Target, phone: str, workspace_id: str, timeout_s: float) -> None:
    """Check that a target answers a wrong key with the contract's 401. Raises PreflightError."""
    # A random key, so that none is accepted by chance.
    request = lookup(target, phone, workspace_id, api_key=secrets.token_hex(24))
    with client_of(target, timeout_s) as client:
        answer = send(client, target, request)
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        raise PreflightError(
            f"target {target.name} at {target.url} answered HTTP {answer.status_code} to a wrong "
            "key, not 401",
            fix="make the target check x-api-key against its CRM_API_KEY",
        )
    if _body(answer) != _UNAUTHORIZED:
        raise PreflightError(
            f"target {target.name} at {target.url} answered 401 with another body than the "
            "contract's",
            fix=f"correct {address_of(target)} if this is another service",
        )


def _body(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None
