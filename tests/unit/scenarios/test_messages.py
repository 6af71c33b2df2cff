"""A run's messages: the same for the same run and key, each different from every other one."""

from __future__ import annotations

import itertools

import orjson
from hypothesis import given
from hypothesis import strategies as st

from scenarios.crm.messages import LONGEST_BYTES, PREVIEW, MessageMaker, body_of, with_messages
from tests.support.written import DATASET, MAKER, RUN, key_of

MANY = [MAKER(key_of(number)) for number in range(4000)]


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**6))
def test_a_message_follows_from_run_and_key_alone(number: int, index: int) -> None:
    key = number << 32 | index
    message = MAKER(key)
    assert MessageMaker(DATASET, RUN)(key) == message
    other = MessageMaker(DATASET, f"{RUN}-2")(key)
    assert (other.id != message.id, other.phone) == (True, message.phone)
    assert message.phone == DATASET.phone(index)


def test_messages_are_of_every_kind_and_no_two_are_shown_alike() -> None:
    kinds = [message.type for message in MANY]
    shares = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    assert shares.keys() == {"text", "image", "interactive"}
    assert 0.77 < shares["text"] < 0.83
    assert any(message.type == "image" and not message.content for message in MANY)
    assert all(message.content for message in MANY if message.type == "text")
    longest = max(len(message.content.encode()) for message in MANY)
    assert LONGEST_BYTES - 3 <= longest <= LONGEST_BYTES
    assert any(max(map(ord, message.content), default=0) > 0xFFFF for message in MANY)
    assert len({message.id for message in MANY}) == len(MANY)
    assert len({message.sent_at_ms for message in MANY}) == len(MANY)


def test_some_messages_are_late_and_all_are_newer_than_what_was_seeded() -> None:
    times = [message.sent_at_ms for message in MANY]
    late = sum(after < before for before, after in itertools.pairwise(times))
    assert late == len(MANY) // 8
    seeded = [m["created_at"] for c in DATASET.contexts(0, 20) for m in c["messages"]]
    assert min(times) > max(seeded)


def test_the_body_is_kapsos() -> None:
    for message in MANY[:50]:
        body = orjson.loads(body_of(message))
        inner = body["message"]
        assert (inner["id"], inner["type"]) == (message.id, message.type)
        assert inner["kapso"]["content"] == message.content
        assert int(inner["timestamp"]) * 1000 == message.sent_at_ms
        assert body["conversation"]["phone_number"] == f"+{message.phone}"
        if message.type == "text":
            assert inner["text"]["body"] == message.content


@given(st.permutations(MANY[:12]))
def test_the_order_of_delivery_does_not_matter(messages: list) -> None:  # type: ignore[type-arg]
    base = DATASET.context(3)
    whole = with_messages(base, messages)
    one_by_one = base
    for message in messages:
        one_by_one = with_messages(one_by_one, [message])
    talk = whole["conversation"]
    assert whole == one_by_one
    newest = max(messages, key=lambda message: message.sent_at_ms)
    assert talk is not None
    assert talk["last_message_at"] == newest.sent_at_ms
    assert talk["last_message_preview"] == newest.content[:PREVIEW]
    before = base["conversation"]
    assert talk["unread_count"] == (before["unread_count"] if before else 0) + len(messages)
