"""The requests of the CRM's scenarios, as a server's own parser reads them."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.scenario import Target
from scenarios.crm import requests

KINDS = ("convex-http", "next-supabase", "next-convex")


@given(st.sampled_from(KINDS), st.text(max_size=30), st.text(max_size=40))
def test_any_phone_survives_the_query_string(kind: str, phone: str, workspace: str) -> None:
    target = Target("t", kind, "http://h:1")
    try:
        request = requests.lookup(target, phone, workspace, api_key="k")
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(c) <= 0xDFFF for c in phone + workspace)
        return
    query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    assert query == {"phone": [phone], "workspace_id": [workspace]}
    assert request.path.isascii()


def test_the_key_is_sent_and_never_shown() -> None:
    target = Target("t", "convex-http", "http://h")
    request = requests.lookup(target, "62", "w", api_key="tell-nobody")
    assert request.headers["x-api-key"] == "tell-nobody"
    assert "tell-nobody" not in repr(request)


@pytest.mark.parametrize("kind", ["convex-http", "next-supabase"])
def test_a_message_is_signed_over_its_raw_body(kind: str) -> None:
    body = b'{"message": {}}'
    target = Target("t", kind, "http://h")
    request = requests.message(target, body, secret="s", idempotency_key="i")
    expected = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected
    assert request.body == body
