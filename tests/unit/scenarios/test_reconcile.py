"""The accounts of a run: what was acknowledged against what a store holds, for any mixture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.concurrency import StopSignal
from scenarios.crm.end_state import EndState
from scenarios.crm.reconcile import RANGE, Attempts, account
from seeding.leftovers import PREFIX, remove_run
from tests.support.written import DATASET, MAKER, key_of, store_with

if TYPE_CHECKING:
    from scenarios.crm.reconcile import WriteAccount
    from tests.unit.seeding.memory_store import MemoryStore

NUMBERS = 3 * RANGE

Fate = tuple[bool, bool, int]
"""Of a message: whether it was sent, whether it was acknowledged, and how often it is stored."""

fates = st.dictionaries(
    st.integers(0, NUMBERS - 1),
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([0, 1, 1, 1, 2])),
    max_size=40,
)


def made(fates: dict[int, Fate]) -> tuple[MemoryStore, WriteAccount]:
    sent = sorted(number for number, (is_sent, _, _) in fates.items() if is_sent)
    attempts = Attempts(
        np.array([key_of(number) for number in sent], np.int64),
        np.array([fates[number][1] for number in sent], np.bool_),
        0,
        0,
    )
    stored = [MAKER(key_of(n)) for n, (_, _, times) in fates.items() for _ in range(times)]
    store = store_with(stored)
    return store, account(store, MAKER, attempts, NUMBERS, StopSignal())


@given(fates)
def test_every_message_is_in_the_account_that_it_belongs_to(fates: dict[int, Fate]) -> None:
    _, found = made(fates)

    def those(holds: object) -> list[int]:
        return sorted(n for n, fate in fates.items() if holds(*fate))  # type: ignore[operator]

    assert sorted(found.attempted) == those(lambda sent, _, __: sent)
    assert sorted(found.acknowledged) == those(lambda sent, ack, _: sent and ack)
    assert sorted(found.stored) == those(lambda sent, _, times: sent and times)
    assert found.lost == those(lambda sent, ack, times: sent and ack and not times)
    assert found.duplicated == those(lambda sent, _, times: sent and times > 1)
    assert found.recovered == those(lambda sent, ack, times: sent and not ack and times)
    unsent = [MAKER.id(n) for n, (is_sent, _, k) in fates.items() if not is_sent for _ in range(k)]
    assert sorted(found.unexpected) == sorted(unsent)
    examples = found.examples(MAKER)
    assert set(examples) <= {"lost", "duplicated", "unexpected"}
    assert all(0 < len(names) <= 3 for names in examples.values())


@given(fates)
def test_the_end_state_follows_from_what_is_stored(fates: dict[int, Fate]) -> None:
    store, found = made(fates)
    difference = EndState(MAKER).difference(store, found, StopSignal())
    is_sound = all(times <= 1 if is_sent else times == 0 for is_sent, _, times in fates.values())
    assert is_sound or difference or _only_strangers(fates)
    assert difference is None or not is_sound


def _only_strangers(fates: dict[int, Fate]) -> bool:
    """Whether nothing wrong is with a contact that a sent message went to."""
    touched = {key_of(n) & 0xFFFF for n, (sent, _, _) in fates.items() if sent}
    wrong = {key_of(n) & 0xFFFF for n, (sent, _, k) in fates.items() if (k > 1 if sent else k > 0)}
    return not (touched & wrong)


def test_what_was_stored_elsewhere_or_otherwise_is_explained_by_field() -> None:
    fates: dict[int, Fate] = dict.fromkeys(range(40), (True, True, 1))
    store, found = made(fates)
    state = EndState(MAKER)
    assert state.difference(store, found, StopSignal()) is None
    index = next(i for i in sorted(store.rows) if store.rows[i]["messages"])
    talk = store.rows[index]["conversation"]
    assert talk is not None
    talk["last_message_at"] = 1
    said = state.difference(store, found, StopSignal())
    assert said is not None
    assert f"contact {index} " in said
    assert "conversation.last_message_at is 1, expected 18" in said


def test_removal_leaves_what_was_seeded_and_nothing_else() -> None:
    store, found = made(dict.fromkeys(range(200), (True, True, 1)))
    assert store.others
    touched = [key_of(number) & 0xFFFF for number in found.stored]
    remove_run(store, MAKER.prefix, DATASET, {i for i in touched if i < DATASET.contacts})
    assert store.contexts(0, DATASET.contacts) == list(DATASET.contexts(0, DATASET.contacts))
    assert store.others == []


@pytest.mark.parametrize("prefix", [PREFIX, MAKER.prefix])
def test_leftovers_are_removed_without_knowing_the_run(prefix: str) -> None:
    store, _ = made(dict.fromkeys(range(50), (True, True, 1)))
    foreign = replace(MAKER(key_of(1)), id="wamid.of-somebody")
    other = store_with([foreign])
    assert store.remove_messages(prefix) == 50
    assert other.remove_messages(prefix) == 0
    assert not any(
        (one["kapso_message_id"] or "").startswith(PREFIX)
        for context in [*store.rows.values(), *store.others]
        for one in context["messages"]
    )
