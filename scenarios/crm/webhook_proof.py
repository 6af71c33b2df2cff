"""Whether a target's webhook checks signatures, and knows ours; nothing is stored."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from dragstrip.errors import PreflightError
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.redact import excerpt
from dragstrip.scenario.target import address_of
from scenarios.crm import requests
from scenarios.crm.target_refusals import known_refusal, refusal_error

if TYPE_CHECKING:
    from dragstrip.config.config import RaceConfig
    from dragstrip.scenario import Target


def require_webhook(target: Target, body: bytes, secret: str, race: RaceConfig) -> None:
    """Check a webhook with a message for a number that no workspace has. Raises PreflightError."""
    with UntimedClient(target, race) as client:
        for key, status, fix in (
            (secrets.token_hex(24), 401, "make the webhook check X-Webhook-Signature"),
            (secret, 400, "give this command and the target the same KAPSO_WEBHOOK_SECRET"),
        ):
            request = requests.message(target, body, secret=key, idempotency_key="preflight")
            answer = client.send(request)
            if answer.reply.status != status:
                if known_refusal(answer):
                    error = refusal_error(answer)
                    raise PreflightError(error.message, fix=error.fix)
                signed = "rightly" if key == secret else "wrongly"
                said = excerpt(answer.reply.body.decode(errors="replace"))
                raise PreflightError(
                    f"the webhook of target {target.name} at {target.url} answered "
                    f"{answer.status_words} to a {signed} signed message for a number that no "
                    f"workspace has, not {status}: {said}",
                    fix=f"{fix}; or correct {address_of(target)}",
                )
