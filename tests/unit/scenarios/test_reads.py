"""Lookups held to what was acknowledged: what must be there, what may be, and nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.config import RulesConfig
from dragstrip.errors import ConfigError
from dragstrip.scenario import Outcome, Reply, Target
from dragstrip.scenario.numbered import compose
from scenarios.crm import write_settings
from scenarios.crm.deliveries import RETRY_S, Deliveries
from scenarios.crm.messages import answer_to, new_contact, with_messages
from scenarios.crm.reads import Reads, judge
from tests.support.written import DATASET, MAKER

if TYPE_CHECKING:
    from scenarios.crm.messages import InboundMessage

TARGET = Target("new", "convex-http", "http://127.0.0.1:1")
NEW = DATASET.contacts + 5
KNOWN = next(i for i in range(DATASET.contacts) if len(DATASET.context(i)["messages"]) > 3)


def message(number: int, index: int = KNOWN) -> InboundMessage:
    return MAKER(compose(number, index))


def answer(index: int, messages: list[InboundMessage]) -> Any:
    base = DATASET.context(index) if index < DATASET.contacts else None
    if base is None and messages:
        base = new_contact(messages[0], DATASET.workspace_id(index))
    return answer_to(with_messages(base, messages))


@given(
    st.sampled_from([KNOWN, NEW]),
    st.lists(st.tuples(st.sampled_from(["must", "may", "unsent"]), st.booleans()), max_size=16),
)
def test_what_is_missing_of_what_must_be_there_is_named(
    index: int, fates: list[tuple[str, bool]]
) -> None:
    """`fates` say of each message whether it must or may be there, and whether it is."""
    all_ = [(message(number, index), *fate) for number, fate in enumerate(fates)]
    must = [one for one, kind, _ in all_ if kind == "must"]
    may = [one for one, kind, _ in all_ if kind == "may"]
    there = [one for one, kind, is_there in all_ if is_there and kind != "unsent"]
    base = DATASET.context(index) if index == KNOWN else None
    found = answer(index, there)
    is_right, missing = judge(base, must, may, found, workspace_id=DATASET.workspace_id(index))
    assert is_right
    shown = found["recent_messages"]
    oldest = shown[-1]["created_at"] if len(shown) == 10 else 0
    gone = [one for one in must if one not in there and one.sent_at_ms > oldest]
    assert missing == gone


@given(st.integers(1, 6), st.sampled_from([KNOWN, NEW]))
def test_a_message_that_was_never_sent_makes_an_answer_wrong(sent: int, index: int) -> None:
    messages = [message(number, index) for number in range(sent + 1)]
    base = DATASET.context(index) if index == KNOWN else None
    workspace_id = DATASET.workspace_id(index)
    found = answer(index, messages)
    assert judge(base, messages, [], found, workspace_id=workspace_id) == (True, [])
    assert not judge(base, messages[:-1], [], found, workspace_id=workspace_id)[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.update(last_interaction=found["last_interaction"] - 1000),
        lambda found: found["contact"].update(lead_score=101),
        lambda found: found["recent_messages"].reverse(),
        lambda found: found["recent_messages"][0].update(content="another"),
        lambda found: found.pop("recent_messages"),
        lambda found: found.update(recent_messages=[{"content": 1}]),
        lambda found: found.update(notes=["more", *found["notes"]]),
    ],
)
def test_anything_else_that_differs_makes_an_answer_wrong(spoil: Any) -> None:
    messages = [message(1), message(2)]
    found = copy.deepcopy(answer(KNOWN, messages))
    spoil(found)
    is_right, _ = judge(DATASET.context(KNOWN), messages, [], found, workspace_id="w")
    assert not is_right


class Process:
    """One process's view of a target: it sends messages and lookups, and judges the answers."""

    def __init__(self, *, redeliver: float = 0, stale_ns: int = 0) -> None:
        self.deliveries = Deliveries(MAKER, redeliver=redeliver, retry=0.1, for_lookups=True)
        self.reads = Reads(DATASET, self.deliveries, lambda _, __: Outcome.OK, stale_ns)
        self._lookups = 10_000

    def deliver(self, number: int, duplicate: bool | None = False, index: int = KNOWN) -> int:
        """Send a message; None for an answer that never comes."""
        key = compose(number, index)
        self.deliveries.begin(TARGET, key)
        return Outcome.TIMEOUT if duplicate is None else self.answer(number, duplicate, index)

    def answer(self, number: int, duplicate: bool, index: int = KNOWN) -> int:
        return self.deliveries.check(
            TARGET, compose(number, index), _reply({"received": True, "duplicate": duplicate})
        )

    def lookup(self, shown: list[int], meanwhile: int | None = None, index: int = KNOWN) -> int:
        self._lookups += 1
        key = compose(self._lookups, index)
        assert self.reads.begin(TARGET, key) == index
        if meanwhile is not None:
            self.deliver(meanwhile)
        body = answer(index, [message(number, index) for number in shown])
        return self.reads.check(TARGET, key, _reply(body))


def _reply(body: object, status: int = 200) -> Reply:
    return Reply(status, "application/json", "", orjson.dumps(body))


def test_what_was_acknowledged_before_a_lookup_was_sent_must_be_in_it() -> None:
    process = Process()
    process.deliver(1)
    assert process.lookup([1]) == Outcome.OK
    assert process.lookup([]) == Outcome.STALE
    # What is acknowledged while the lookup is under way may be there or not.
    assert process.lookup([1], meanwhile=2) == Outcome.OK
    assert process.lookup([1, 3], meanwhile=3) == Outcome.STALE
    counts = process.reads.counts["new"]
    assert (counts.reads, counts.stale, counts.hidden) == (4, 2, 2)
    assert len(counts.worst) == 2
    assert counts.stable_ns >= max(counts.worst)[0] * 1e6 > 0


def test_a_message_without_an_answer_may_be_there() -> None:
    process = Process()
    process.deliver(1, None)
    assert process.lookup([]) == process.lookup([1]) == Outcome.OK
    assert process.lookup([2]) == Outcome.WRONG_ANSWER
    assert process.reads.counts["new"].reads == 0


def test_staleness_within_the_rule_is_counted_and_allowed() -> None:
    process = Process(stale_ns=60_000_000_000)
    process.deliver(1)
    assert process.lookup([]) == Outcome.OK
    assert (process.reads.counts["new"].stale, process.reads.counts["new"].hidden) == (1, 0)


def test_of_very_many_messages_to_one_contact_the_newest_are_kept() -> None:
    process = Process()
    many = range(3000)
    for number in many:
        process.deliver(number)
    talk = process.deliveries.talks["new", KNOWN]
    assert len(talk.acknowledged) <= len(talk.sent) <= 256
    assert talk.known == len(many)
    assert process.lookup(list(many)) == Outcome.OK
    newest = max(many, key=lambda number: message(number).sent_at_ms)
    assert process.lookup([number for number in many if number != newest]) == Outcome.STALE


def test_duplicate_is_true_for_what_was_acknowledged_and_for_nothing_else() -> None:
    process = Process()
    assert process.deliver(1, duplicate=True) == Outcome.WRONG_DUPLICATE
    assert process.deliver(2, duplicate=False) == Outcome.OK
    assert process.deliver(2, duplicate=True) == Outcome.OK
    assert process.deliver(2, duplicate=False) == Outcome.WRONG_DUPLICATE
    # Of two deliveries under way, either may be the one that is stored.
    process.deliver(3, None)
    assert process.deliver(3, duplicate=True) == Outcome.OK
    process.deliver(4, None)
    assert process.deliver(4, duplicate=False) == Outcome.OK


def test_what_fails_is_retried_on_kapsos_schedule_and_no_longer() -> None:
    process = Process()
    key = compose(1, KNOWN)
    process.deliver(1, None)
    delays = [process.deliveries.again(TARGET, key, Outcome.TIMEOUT) for _ in range(4)]
    assert delays == [*(pytest.approx(0.1 * after_s) for after_s in RETRY_S), None]
    process.deliver(1)
    assert process.deliveries.again(TARGET, key, Outcome.OK) is None


@pytest.mark.parametrize(("share", "least", "most"), [(0, 0, 0), (0.1, 60, 140), (1, 1000, 1000)])
def test_a_share_is_redelivered_once(share: float, least: int, most: int) -> None:
    process = Process(redeliver=share)
    again = []
    for number in range(1000):
        process.deliver(number)
        again.append(process.deliveries.again(TARGET, compose(number, KNOWN), Outcome.OK))
        process.deliver(number, duplicate=True)
        assert process.deliveries.again(TARGET, compose(number, KNOWN), Outcome.OK) is None
    assert least <= sum(after_s is not None for after_s in again) <= most


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        ({"received": True}, 200, Outcome.WRONG_ANSWER),
        ({"received": False, "error": "no"}, 401, Outcome.HTTP_STATUS),
        ([], 200, Outcome.WRONG_ANSWER),
    ],
)
def test_only_the_contracts_answer_acknowledges(body: object, status: int, outcome: int) -> None:
    process = Process()
    process.deliver(1, None)
    key = compose(1, KNOWN)
    assert process.deliveries.check(TARGET, key, _reply(body, status)) == outcome
    assert process.lookup([]) == Outcome.OK


@pytest.mark.parametrize(
    ("rule", "stale_ns"),
    [("read-your-writes", 0), ("eventual: 2 s", 2 * 10**9), ("eventual: 250 ms", 250 * 10**6)],
)
def test_the_rule_says_how_stale_a_read_may_be(rule: str, stale_ns: int) -> None:
    assert RulesConfig(consistency=rule).stale_ns == stale_ns


@pytest.mark.parametrize("rule", ["eventual", "eventual: 2", "eventual: x s", "strong"])
def test_another_rule_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="consistency"):
        RulesConfig(consistency=rule)


@pytest.mark.parametrize("field", [{"mix": 0}, {"mix": 1}, {"redeliver": 2}, {"more": 1}])
def test_a_field_of_the_scenario_that_is_wrong_is_named(field: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"scenario.{next(iter(field))}: "):
        write_settings.read(write_settings.MixSettings, field)
