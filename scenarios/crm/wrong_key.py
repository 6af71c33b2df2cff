"""Whether a target checks its key: one that accepts any would skip work that the other does."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from dragstrip.errors import PreflightError
from dragstrip.load.http.untimed import UntimedClient
from dragstrip.scenario.target import address_of
from scenarios.crm.lookup_kind import document_of, lookup_kind
from scenarios.crm.requests import lookup
from scenarios.crm.target_refusals import known_refusal, refusal_error

if TYPE_CHECKING:
    from dragstrip.config.config import RaceConfig
    from dragstrip.scenario import Target


def refuses_wrong_key(target: Target, phone: str, workspace_id: str, race: RaceConfig) -> None:
    """Check that a target refuses a wrong key as its kind does. Raises PreflightError."""
    refusal = lookup_kind(target).refusal
    # A random key, so that none is accepted by chance.
    request = lookup(target, phone, workspace_id, api_key=secrets.token_hex(24))
    with UntimedClient(target, race) as client:
        answer = client.send(request)
    if known_refusal(answer):
        error = refusal_error(answer)
        raise PreflightError(error.message, fix=error.fix)
    if answer.reply.status != refusal.status:
        raise PreflightError(
            f"target {target.name} at {target.url} answered {answer.status_words} to a wrong key, "
            f"not {refusal.status}",
            fix=refusal.fix,
        )
    if not refusal.is_meant(document_of(answer.reply)):
        if refusal.status == 200:
            raise PreflightError(
                f"target {target.name} at {target.url} did not refuse a wrong key", fix=refusal.fix
            )
        raise PreflightError(
            f"target {target.name} at {target.url} answered {refusal.status} with another body "
            "than the contract's",
            fix=f"correct {address_of(target)} if this is another service",
        )
