"""The requests of the CRM's scenarios, as a server's own parser reads them."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import Reply, Target
from dragstrip.scenario.check import JsonCheck, canonical
from scenarios.crm import requests
from scenarios.crm.lookup_kind import lookup_kind

if TYPE_CHECKING:
    from dragstrip.scenario import Request

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


def lookup_of(kind: str, key: str) -> tuple[Request, Any]:
    target = Target("t", kind, "http://h")
    request = requests.lookup(target, "62", "w", api_key=key)
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert key not in repr(request)
    return request, orjson.loads(request.body or b"")


def test_a_convex_query_carries_the_crms_key_among_its_arguments() -> None:
    request, body = lookup_of("convex-query", "tell-nobody")
    arguments = {"phone": "62", "workspace_id": "w", "api_key": "tell-nobody"}
    assert request.path == "/api/query"
    assert body == {"path": "contacts:getContextByPhone", "args": arguments, "format": "json"}


@pytest.mark.parametrize(
    ("key", "authorization"), [("sb_secret_1", None), ("aa.bb.cc", "Bearer aa.bb.cc")]
)
def test_supabases_key_stands_in_authorization_only_where_it_is_a_token(
    key: str, authorization: str | None
) -> None:
    request, body = lookup_of("supabase-rpc", key)
    assert request.path == "/rest/v1/rpc/get_contact_context_by_phone"
    assert body == {"p_workspace_id": "w", "p_phone": "62"}
    assert request.headers["apikey"] == key
    assert request.headers.get("authorization") == authorization


@pytest.mark.parametrize(
    ("document", "is_right"),
    [
        ({"status": "success", "value": {"score": 62, "notes": [1.0]}}, True),
        ({"status": "success", "value": {"score": 62.0, "notes": [1]}, "logLines": ["x"]}, True),
        ({"status": "success", "value": {"score": 62.5, "notes": [1]}}, False),
        ({"status": "success", "value": {"score": True, "notes": [1]}}, False),
        ({"status": "success"}, False),
        ({"status": "error", "errorMessage": "x", "value": {"score": 62, "notes": [1]}}, False),
        ({"score": 62, "notes": [1]}, False),
        ([], False),
    ],
)
def test_of_a_convex_querys_answer_the_value_is_compared(document: Any, is_right: bool) -> None:
    form = lookup_kind(Target("t", "convex-query", "http://h")).form(canonical)
    check = JsonCheck(lambda _: canonical({"score": 62, "notes": [1]}), form=form)
    reply = Reply(200, "application/json", "", orjson.dumps(document))
    assert check(0, reply) == (Outcome.OK if is_right else Outcome.WRONG_ANSWER)


@pytest.mark.parametrize(
    ("kind", "status", "document", "is_refused"),
    [
        ("convex-query", 200, {"status": "error", "errorData": "Unauthorized"}, True),
        ("convex-query", 200, {"status": "error", "errorData": "Service not configured"}, False),
        ("convex-query", 200, {"status": "success", "value": {"name": "Unauthorized"}}, False),
        ("supabase-rpc", 401, {"message": "Invalid API key"}, True),
        ("supabase-rpc", 200, {"found": False}, False),
        ("next-supabase", 401, {"found": False, "error": "Unauthorized"}, True),
        ("next-supabase", 200, {"found": False}, False),
    ],
)
def test_each_kind_knows_a_refused_key(
    kind: str, status: int, document: Any, is_refused: bool
) -> None:
    refusal = lookup_kind(Target("t", kind, "http://h")).refusal
    assert refusal.matches(Reply(status, "", "", orjson.dumps(document))) is is_refused


@pytest.mark.parametrize("kind", ["convex-http", "next-supabase"])
def test_a_message_is_signed_over_its_raw_body(kind: str) -> None:
    body = b'{"message": {}}'
    target = Target("t", kind, "http://h")
    request = requests.message(target, body, secret="s", idempotency_key="i")
    expected = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected
    assert request.body == body
