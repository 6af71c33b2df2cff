"""What the scenarios that write ask for, and what they refuse before anything is sent."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import orjson
import pytest

from dragstrip.config.config import Config
from dragstrip.errors import ConfigError
from dragstrip.race.setup import bind
from dragstrip.scenario import targets_of
from dragstrip.scenario.numbered import compose
from scenarios.conversation import Conversations
from scenarios.inbound_message import InboundMessages

SECRET = "webhook-secret-of-the-tests"
TARGETS = {
    "supabase": {"kind": "next-supabase", "url": "http://127.0.0.1:1"},
    "convex": {"kind": "convex-http", "url": "http://127.0.0.1:2"},
}


def config(scenario: dict[str, Any], **sections: Any) -> Config:
    document = {"scenario": scenario, "targets": TARGETS, **sections}
    return Config.model_validate(document).with_environment(
        {"CRM_API_KEY": "k" * 20, "KAPSO_WEBHOOK_SECRET": SECRET}
    )


@pytest.mark.parametrize(
    ("scenario", "sections", "words"),
    [
        ({"name": "inbound-message"}, {"race": {"rate": 0}}, "race.rate = 0: "),
        ({"name": "inbound-message"}, {"race": {"ledger": "drop"}}, 'race.ledger = "drop": '),
        ({"name": "inbound-message", "mix": 0.5}, {}, "scenario.mix: "),
        ({"name": "conversation", "mix": 2}, {}, "scenario.mix: "),
        ({"name": "conversation", "retry": "soon"}, {}, "scenario.retry: "),
        (
            {"name": "inbound-message"},
            {"race": {"rate": 1e6, "slice": 9000, "pairs": 9000}},
            "cannot number so many messages",
        ),
        (
            {"name": "inbound-message"},
            {"targets": TARGETS | {"supabase": TARGETS["convex"]}},
            "two of them are in convex",
        ),
        (
            {"name": "inbound-message"},
            {"targets": TARGETS | {"convex": TARGETS["convex"] | {"kind": "next-convex"}}},
            "targets.convex.kind: ",
        ),
    ],
)
def test_what_cannot_be_reconciled_is_refused(
    scenario: dict[str, Any], sections: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        bind(config(scenario, **sections))
    assert words in refused.value.message
    assert refused.value.fix


@pytest.mark.parametrize("scenario", [InboundMessages, Conversations])
def test_nothing_is_written_outside_a_race(scenario: type[InboundMessages]) -> None:
    with pytest.raises(ConfigError, match="runs in `dragstrip race` only"):
        scenario(config({"name": scenario.name})).receive(None)


def test_operations_follow_the_mix() -> None:
    lookup, message = Conversations(config({"name": "conversation", "mix": 0.3})).operations
    assert [lookup.weight, message.weight] == pytest.approx([0.7, 0.3])
    assert (lookup.follows, message.follows) == ("message", None)
    lookup, _ = Conversations(config({"name": "conversation", "follow": False})).operations
    assert lookup.follows is None


def test_both_targets_get_the_same_signed_message() -> None:
    made = config({"name": "inbound-message"})
    scenario = InboundMessages(made)
    scenario.run_id = "20250102T030405Z-abcd"
    key = compose(17, 3)
    asked = [
        scenario.request(target, scenario.operations[0], key)
        for target in targets_of(made).values()
    ]
    assert asked[0].body == asked[1].body
    assert {one.path for one in asked} == {"/webhook/kapso", "/api/webhook/kapso"}
    for one in asked:
        assert one.body is not None
        signature = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers["x-webhook-signature"] == signature
        assert orjson.loads(one.body)["message"]["id"] == one.headers["x-idempotency-key"]
