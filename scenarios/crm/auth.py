"""How a request proves who sends it: the CRM's key, and Kapso's signature."""

from __future__ import annotations

import hashlib
import hmac


def api_key_header(api_key: str) -> dict[str, str]:
    """Return the header that the lookup endpoints check."""
    return {"x-api-key": api_key}


def kapso_headers(body: bytes, secret: str, idempotency_key: str) -> dict[str, str]:
    """Return Kapso's headers for a raw body: hex HMAC-SHA256 under the webhook's secret."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-webhook-event": "whatsapp.message.received",
        "x-webhook-signature": signature,
        "x-idempotency-key": idempotency_key,
    }
