"""Whether a target's webhook checks signatures, and knows ours; nothing is stored."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from dragstrip.errors import PreflightError
from dragstrip.redact import excerpt
from dragstrip.scenario.target import address_of
from dragstrip.scenario.untimed_client import client_of, send
from scenarios.crm import requests

if TYPE_CHECKING:
    from dragstrip.scenario import Target


def require_webhook(target: Target, body: bytes, secret: str, timeout_s: float) -> None:
    """Check a webhook with a message for a number that no workspace has. Raises PreflightError."""
    with client_of(target, timeout_s) as client:
        for key, status, fix in (
            (secrets.token_hex(24), 401, "make the webhook check X-Webhook-Signature"),
            (secret, 400, "give this command and the target the same KAPSO_WEBHOOK_SECRET"),
        ):
            request = requests.message(target, body, secret=key, idempotency_key="preflight")
            answer = send(client, target, request)
            if answer.status_code != status:
                signed = "rightly" if key == secret else "wrongly"
                raise PreflightError(
                    f"the webhook of target {target.name} at {target.url} answered HTTP "
                    f"{answer.status_code} to a {signed} signed message for a number that no "
                    f"workspace has, not {status}: {excerpt(answer.text)}",
                    fix=f"{fix}; or correct {address_of(target)}",
                )
