"""What one inbound message does, once and only once."""

from __future__ import annotations

import copy
import hashlib
import hmac
import itertools
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.endpoint import LookupEndpoint, Webhook
    from tests.contract.people import People

STORED = {"received": True, "duplicate": False}
DUPLICATE = {"received": True, "duplicate": True}
_SENT_S = 1_760_000_000
_phones = itertools.count(62_890_000_000_000 + uuid.uuid4().int % 10**9)


@pytest.fixture
def phone() -> str:
    """A number that nobody had before this test."""
    return str(next(_phones))


@pytest.fixture
def workspace_id(people: People) -> str:
    return people.gateway["id"]


@pytest.fixture
def message(people: People, phone: str) -> dict[str, Any]:
    """A message from somebody new, as the gateway sends it."""
    return _message(people.gateway["kapso_phone_id"], phone)


def _message(phone_number_id: str, phone: str) -> dict[str, Any]:
    return {
        "message": {
            "id": f"wamid.{uuid.uuid4().hex}",
            "timestamp": str(_SENT_S),
            "type": "text",
            "text": {"body": "Hello 👋"},
            "kapso": {"direction": "inbound", "content": "Hello 👋", "status": "received"},
            "from": phone,
        },
        "conversation": {
            "id": "conv_1",
            "phone_number": f"+{phone[:2]} {phone[2:5]}-{phone[5:]}",
            "kapso": {"contact_name": "Ni Lu Putu"},
        },
        "phone_number_id": phone_number_id,
        "is_new_conversation": True,
    }


def _later(message: dict[str, Any], seconds: int, content: str) -> dict[str, Any]:
    other: dict[str, Any] = json.loads(json.dumps(message))
    other["message"] |= {
        "id": f"wamid.{uuid.uuid4().hex}",
        "timestamp": str(_SENT_S + seconds),
        "text": {"body": content},
        "kapso": {"direction": "inbound", "content": content},
    }
    return other


# ---- signature ----


def test_an_unsigned_body_is_refused(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    response = webhook.post(json.dumps(message).encode(), {})
    _refused_for_its_signature(response)
    assert beside.lookup(phone, workspace_id).json()["found"] is False


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "0" * 64, id="zeros"),
        pytest.param(lambda s: s[:-1], id="short"),
        pytest.param(lambda s: s + "0", id="long"),
        pytest.param(lambda s: s[:-1] + ("0" if s[-1] != "0" else "1"), id="one digit off"),
        pytest.param(lambda s: "sha256=" + s, id="another gateway's form"),
        pytest.param(lambda s: "z" * len(s), id="no hex"),
        pytest.param(lambda s: s + s, id="twice"),
        pytest.param(lambda s: f"{s}, {s}", id="two headers joined"),
    ],
)
def test_a_wrong_signature_is_refused(
    webhook: Webhook,
    beside: LookupEndpoint,
    message: dict[str, Any],
    phone: str,
    workspace_id: str,
    forge: Callable[[str], str],
) -> None:
    raw = json.dumps(message).encode()
    right = hmac.new(webhook.secret.encode(), raw, hashlib.sha256).hexdigest()
    response = webhook.post(raw, {"x-webhook-signature": forge(right)})
    _refused_for_its_signature(response)
    assert beside.lookup(phone, workspace_id).json()["found"] is False


@pytest.mark.parametrize("digest", ["sha1", "sha512", "md5"])
def test_a_signature_by_another_algorithm_is_refused(
    webhook: Webhook, message: dict[str, Any], digest: str
) -> None:
    raw = json.dumps(message).encode()
    signature = hmac.new(webhook.secret.encode(), raw, digest).hexdigest()
    _refused_for_its_signature(webhook.post(raw, {"x-webhook-signature": signature}))


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_signature_under_another_key_is_refused(
    webhook: Webhook, message: dict[str, Any], key: str
) -> None:
    raw = json.dumps(message).encode()
    signature = hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()
    _refused_for_its_signature(webhook.post(raw, {"x-webhook-signature": signature}))


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda raw: raw + b" ", id="blank at the end"),
        pytest.param(lambda raw: raw.replace(b"Hello", b"Jello"), id="other text"),
        pytest.param(lambda raw: json.dumps(json.loads(raw), indent=1).encode(), id="laid out"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_body_changed_on_its_way_is_refused(
    webhook: Webhook, message: dict[str, Any], tamper: Callable[[bytes], bytes]
) -> None:
    raw = json.dumps(message).encode()
    signature = hmac.new(webhook.secret.encode(), raw, hashlib.sha256).hexdigest()
    _refused_for_its_signature(webhook.post(tamper(raw), {"x-webhook-signature": signature}))


def test_a_signature_may_be_written_in_capitals(webhook: Webhook, message: dict[str, Any]) -> None:
    raw = json.dumps(message).encode()
    signature = hmac.new(webhook.secret.encode(), raw, hashlib.sha256).hexdigest().upper()
    response = webhook.post(raw, {"x-webhook-signature": signature})
    assert (response.status_code, response.json()) == (200, STORED)


def test_the_raw_bytes_are_signed_not_their_meaning(
    webhook: Webhook, message: dict[str, Any]
) -> None:
    raw = json.dumps(message, indent=3, ensure_ascii=False, sort_keys=True).encode() + b"\n\n"
    response = webhook.deliver(raw)
    assert (response.status_code, response.json()) == (200, STORED)


def test_a_request_id_comes_back(webhook: Webhook, message: dict[str, Any]) -> None:
    raw = json.dumps(message).encode()
    signature = hmac.new(webhook.secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {"x-webhook-signature": signature, "x-request-id": "delivery-7"}
    assert webhook.post(raw, headers).headers["x-request-id"] == "delivery-7"
    refused = webhook.post(raw, {"x-request-id": "delivery-8"})
    assert refused.headers["x-request-id"] == "delivery-8"


# ---- effect ----


def test_somebody_new_is_known_from_the_first_message_on(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    assert beside.lookup(phone, workspace_id).json()["found"] is False
    response = webhook.deliver(message)
    assert (response.status_code, response.json()) == (200, STORED)
    assert beside.lookup(phone, workspace_id).json() == {
        "found": True,
        "contact": {
            "name": None,
            "kapso_name": "Ni Lu Putu",
            "lead_status": "new",
            "lead_score": 0,
            "tags": [],
            "is_returning": True,
            "first_contact_date": _SENT_S * 1_000,
        },
        "notes": [],
        "last_interaction": _SENT_S * 1_000,
        "recent_messages": [
            {"content": "Hello 👋", "direction": "inbound", "created_at": _SENT_S * 1_000}
        ],
    }


def test_a_message_belongs_to_its_gateways_workspace(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, people: People
) -> None:
    webhook.deliver(message)
    found = {
        workspace["slug"]
        for workspace in people.workspaces
        if beside.lookup(phone, workspace["id"]).json()["found"]
    }
    assert found == {people.gateway["slug"]}


def test_a_second_delivery_changes_nothing(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    webhook.deliver(message)
    before = beside.lookup(phone, workspace_id).json()
    for _ in range(3):
        response = webhook.deliver(message)
        assert (response.status_code, response.json()) == (200, DUPLICATE)
    assert beside.lookup(phone, workspace_id).json() == before


@pytest.mark.parametrize("key", ["the same", "another"])
def test_a_redelivery_is_a_duplicate_under_any_idempotency_key(
    webhook: Webhook,
    beside: LookupEndpoint,
    message: dict[str, Any],
    phone: str,
    workspace_id: str,
    key: str,
) -> None:
    assert webhook.deliver(message, "the same").json() == STORED
    assert webhook.deliver(_later(message, 60, "Second"), "the same").json() == STORED
    before = beside.lookup(phone, workspace_id).json()
    response = webhook.deliver(message, key)
    assert (response.status_code, response.json()) == (200, DUPLICATE)
    assert beside.lookup(phone, workspace_id).json() == before


def test_an_attempt_that_was_refused_leaves_the_next_one_the_first(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    malformed = copy.deepcopy(message)
    del malformed["message"]["kapso"]
    assert webhook.deliver(malformed, "one delivery").status_code == 400
    assert webhook.deliver(message, "one delivery").json() == STORED
    assert webhook.deliver(message, "one delivery").json() == DUPLICATE
    assert len(beside.lookup(phone, workspace_id).json()["recent_messages"]) == 1


def test_a_message_is_known_by_its_id_alone(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    webhook.deliver(message)
    before = beside.lookup(phone, workspace_id).json()
    other = _later(message, 60, "Not the same")
    other["message"]["id"] = message["message"]["id"]
    assert webhook.deliver(other).json() == DUPLICATE
    assert beside.lookup(phone, workspace_id).json() == before


def test_of_deliveries_at_once_exactly_one_is_stored(
    webhook: Webhook, beside: LookupEndpoint, people: People, workspace_id: str
) -> None:
    at_once = 8
    with ThreadPoolExecutor(at_once) as pool:
        for _ in range(6):
            phone = str(next(_phones))
            message = _message(people.gateway["kapso_phone_id"], phone)
            responses = list(pool.map(lambda _, m=message: webhook.deliver(m), range(at_once)))
            assert {response.status_code for response in responses} == {200}
            stored = [r for r in responses if r.json() == STORED]
            duplicates = [r for r in responses if r.json() == DUPLICATE]
            assert (len(stored), len(duplicates)) == (1, at_once - 1)
            assert len(beside.lookup(phone, workspace_id).json()["recent_messages"]) == 1


def test_messages_at_once_from_somebody_new_are_all_stored(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    messages = [_later(message, n, f"Number {n}") for n in range(8)]
    with ThreadPoolExecutor(len(messages)) as pool:
        responses = list(pool.map(webhook.deliver, messages))
    assert [response.json() for response in responses] == [STORED] * len(messages)
    answer = beside.lookup(phone, workspace_id).json()
    contents = [stored["content"] for stored in answer["recent_messages"]]
    assert contents == [f"Number {n}" for n in reversed(range(8))]
    assert answer["last_interaction"] == (_SENT_S + 7) * 1_000


def test_a_late_message_is_stored_in_its_place(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    webhook.deliver(message)
    webhook.deliver(_later(message, 120, "Newest"))
    webhook.deliver(_later(message, 60, "Between"))
    webhook.deliver(_later(message, -3_600, "Oldest"))
    answer = beside.lookup(phone, workspace_id).json()
    assert answer["last_interaction"] == (_SENT_S + 120) * 1_000
    contents = [stored["content"] for stored in answer["recent_messages"]]
    assert contents == ["Newest", "Between", "Hello 👋", "Oldest"]
    assert answer["contact"]["first_contact_date"] == _SENT_S * 1_000


def test_a_message_that_the_team_sent_is_outbound(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    webhook.deliver(message)
    reply = _later(message, 5, "How can we help?")
    reply["message"]["kapso"]["direction"] = "outbound"
    assert webhook.deliver(reply).json() == STORED
    answer = beside.lookup(phone, workspace_id).json()
    assert [m["direction"] for m in answer["recent_messages"]] == ["outbound", "inbound"]
    assert answer["last_interaction"] == (_SENT_S + 5) * 1_000


def test_a_message_of_another_type_needs_no_text(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    del message["message"]["text"]
    message["message"] |= {"type": "image", "kapso": {"direction": "inbound", "content": "[image]"}}
    assert webhook.deliver(message).json() == STORED
    answer = beside.lookup(phone, workspace_id).json()
    assert answer["recent_messages"][0]["content"] == "[image]"


@pytest.mark.parametrize(
    "conversation", [{"kapso": None}, {"kapso": {}}, {"kapso": {"contact_name": None}}]
)
def test_a_profile_without_a_name_is_fine(
    webhook: Webhook,
    beside: LookupEndpoint,
    message: dict[str, Any],
    phone: str,
    workspace_id: str,
    conversation: dict[str, Any],
) -> None:
    message["conversation"] |= conversation
    assert webhook.deliver(message).json() == STORED
    assert beside.lookup(phone, workspace_id).json()["contact"]["kapso_name"] is None


def test_any_text_comes_back_as_it_was(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    text = "👩‍🎓 e\u0301 مرحبا \"'\\ </script> \u2028\t\r\n\u0001\ufffe '; drop table messages; --"
    message["message"]["kapso"]["content"] = text
    webhook.deliver(message)
    answer = beside.lookup(phone, workspace_id).json()
    assert answer["recent_messages"][0]["content"] == text


def test_the_longest_text_is_stored_whole(
    webhook: Webhook, beside: LookupEndpoint, message: dict[str, Any], phone: str, workspace_id: str
) -> None:
    text = "x" * 65_536
    message["message"]["kapso"]["content"] = text
    assert webhook.deliver(message).json() == STORED
    answer = beside.lookup(phone, workspace_id).json()
    assert answer["recent_messages"][0]["content"] == text


# ---- form ----


def _without(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(message: dict[str, Any]) -> None:
        for part in path[:-1]:
            message = message[part]
        del message[path[-1]]

    return change


def _with(value: object, *path: str) -> Callable[[dict[str, Any]], None]:
    def change(message: dict[str, Any]) -> None:
        for part in path[:-1]:
            message = message[part]
        message[path[-1]] = value

    return change


_MALFORMED = {
    "no message": _without("message"),
    "no conversation": _without("conversation"),
    "no phone_number_id": _without("phone_number_id"),
    "message is a list": _with([], "message"),
    "message is null": _with(None, "message"),
    "no message id": _without("message", "id"),
    "empty message id": _with("", "message", "id"),
    "message id is a number": _with(7, "message", "id"),
    "message id too long": _with("w" * 257, "message", "id"),
    "message id with NUL": _with("w\0", "message", "id"),
    "lone surrogate": _with("w\ud800", "message", "id"),
    "no timestamp": _without("message", "timestamp"),
    "timestamp is a number": _with(1_730_092_800, "message", "timestamp"),
    "timestamp in words": _with("now", "message", "timestamp"),
    "timestamp with a fraction": _with("1730092800.5", "message", "timestamp"),
    "negative timestamp": _with("-1", "message", "timestamp"),
    "timestamp too large": _with("9" * 30, "message", "timestamp"),
    "no type": _without("message", "type"),
    "no text": _without("message", "text"),
    "text without a body": _without("message", "text", "body"),
    "no kapso": _without("message", "kapso"),
    "no direction": _without("message", "kapso", "direction"),
    "unknown direction": _with("sideways", "message", "kapso", "direction"),
    "direction of an object": _with("toString", "message", "kapso", "direction"),
    "no content": _without("message", "kapso", "content"),
    "content is an object": _with({}, "message", "kapso", "content"),
    "content too long": _with("x" * 65_537, "message", "kapso", "content"),
    "no phone number": _without("conversation", "phone_number"),
    "phone number is a number": _with(628123, "conversation", "phone_number"),
    "phone number without a digit": _with("+", "conversation", "phone_number"),
    "name is a number": _with(1, "conversation", "kapso", "contact_name"),
    "phone_number_id is a number": _with(1, "phone_number_id"),
    "unknown phone_number_id": _with("0", "phone_number_id"),
    "phone_number_id of a prototype": _with("__proto__", "phone_number_id"),
}


@pytest.mark.parametrize("fault", _MALFORMED)
def test_a_malformed_message_is_refused_and_leaves_nothing(
    webhook: Webhook,
    beside: LookupEndpoint,
    message: dict[str, Any],
    phone: str,
    workspace_id: str,
    fault: str,
) -> None:
    _MALFORMED[fault](message)
    _malformed(webhook.deliver(message))
    assert beside.lookup(phone, workspace_id).json()["found"] is False


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b"7",
        b'"text"',
        b"{",
        b"not json",
        b"\xff\xfe{}",
        b'{"message": "\xe9"}',
        b"message[id]=1&phone_number_id=2",
        b"[" * 100_000,
        b'{"message":' * 20_000,
        b"\x00" * 64,
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_no_message_is_refused(webhook: Webhook, raw: bytes) -> None:
    _malformed(webhook.deliver(raw))


def test_a_huge_body_is_refused(webhook: Webhook, message: dict[str, Any]) -> None:
    message["message"]["kapso"]["content"] = "x" * 4_000_000
    _malformed(webhook.deliver(message))
    _refused_for_its_signature(webhook.post(json.dumps(message).encode(), {}))


def test_the_signature_is_looked_at_before_the_form(webhook: Webhook) -> None:
    _refused_for_its_signature(webhook.post(b"not json", {"x-webhook-signature": "0" * 64}))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_webhook_is_a_post(webhook: Webhook, method: str) -> None:
    response = webhook.client.request(method, webhook.url + webhook.path)
    assert response.status_code in {404, 405}


def _refused_for_its_signature(response: Any) -> None:
    assert (response.status_code, response.json()) == (
        401,
        {"received": False, "error": "Unauthorized"},
    )


def _malformed(response: Any) -> None:
    assert response.status_code == 400, response.text
    body = response.json()
    assert set(body) == {"received", "error"}
    assert body["received"] is False
    assert 0 < len(body["error"]) <= 200
