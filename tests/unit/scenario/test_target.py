"""The requests that the targets build, as a server's own parser reads them."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import certifi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.config import Config, Kind, TargetConfig
from dragstrip.scenario import Target, targets_of

KINDS: tuple[Kind, ...] = ("convex-http", "next-supabase", "next-convex")


@given(st.sampled_from(KINDS), st.text(max_size=30), st.text(max_size=40))
def test_any_phone_survives_the_query_string(kind: Kind, phone: str, workspace: str) -> None:
    target = Target("t", kind, "http://h:1")
    try:
        request = target.lookup(phone, workspace, api_key="k")
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(c) <= 0xDFFF for c in phone + workspace)
        return
    query = parse_qs(urlsplit(request.path).query, keep_blank_values=True)
    assert query == {"phone": [phone], "workspace_id": [workspace]}
    assert request.path.isascii()


def test_the_key_is_sent_and_never_shown() -> None:
    request = Target("t", "convex-http", "http://h").lookup("62", "w", api_key="tell-nobody")
    assert request.headers["x-api-key"] == "tell-nobody"
    assert "tell-nobody" not in repr(request)


@pytest.mark.parametrize("kind", ["convex-http", "next-supabase"])
def test_a_message_is_signed_over_its_raw_body(kind: Kind) -> None:
    body = b'{"message": {}}'
    request = Target("t", kind, "http://h").message(body, secret="s", idempotency_key="i")
    expected = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    assert request.headers["x-webhook-signature"] == expected
    assert request.body == body


def test_two_targets_may_be_of_one_kind() -> None:
    config = Config(
        targets={
            "old": TargetConfig(kind="convex-http", url="http://old"),
            "new": TargetConfig(kind="convex-http", url="http://new"),
        }
    )
    assert {n: t.url for n, t in targets_of(config).items()} == {
        "old": "http://old",
        "new": "http://new",
    }


def test_a_target_knows_whom_to_trust() -> None:
    target = TargetConfig(kind="convex-http", url="https://a", ca_file=Path(certifi.where()))
    assert targets_of(Config(targets={"a": target}))["a"].ca_file == Path(certifi.where())
