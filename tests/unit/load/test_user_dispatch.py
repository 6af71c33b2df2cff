"""How a race's connections are shared among its workers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.load.user_dispatch import SPAWN_PER_S, EvenUserDispatcher, share_users


@dataclass
class FakeWorkerNode:
    id: str
    user_classes_count: dict[str, int] = field(default_factory=dict)


class Baseline:
    pass


class Challenger:
    pass


CLASSES: list[Any] = [Baseline, Challenger]
NAMES = ["Baseline", "Challenger"]


def dispatch(nodes: list[Any], users: int, taking_part: set[str]) -> list[dict[str, Any]]:
    dispatcher = EvenUserDispatcher(nodes, CLASSES, takes_part=lambda node: node in taking_part)
    dispatcher.new_dispatch(users, 100.0)
    return list(dispatcher)


@given(users=st.integers(1, 500), workers=st.integers(1, 40))
def test_each_worker_gets_its_share_of_both_kinds(users: int, workers: int) -> None:
    shared = share_users(2 * users, [f"w{number}" for number in range(workers)], NAMES)
    for name in NAMES:
        shares = [classes[name] for classes in shared.values()]
        assert sum(shares) == users
        assert max(shares) - min(shares) <= 1


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("gevent.sleep", found.append)
    return found


def test_users_are_opened_no_faster_than_that(pauses: list[float]) -> None:
    steps = dispatch([FakeWorkerNode("a"), FakeWorkerNode("b")], 1000, {"a", "b"})
    totals = [sum(step["a"].values()) for step in steps]
    assert totals == list(range(SPAWN_PER_S, 501, SPAWN_PER_S))
    assert pauses == [1] * (len(steps) - 1)


def test_who_takes_no_part_gets_nothing() -> None:
    (step,) = dispatch([FakeWorkerNode("a"), FakeWorkerNode("stranger")], 16, {"a"})
    assert step == {"a": {"Baseline": 8, "Challenger": 8}}


def test_a_newcomer_gets_its_share_from_the_others() -> None:
    before = {"Baseline": 8, "Challenger": 8}
    (step,) = dispatch(
        [FakeWorkerNode("a", before), FakeWorkerNode("b", before), FakeWorkerNode("c")],
        32,
        {"a", "b", "c"},
    )
    assert [sum(classes.values()) for classes in step.values()] == [12, 10, 10]


def test_locust_does_not_share_again_by_itself() -> None:
    # It asks this before it does so when a worker comes or goes.
    assert EvenUserDispatcher([], CLASSES).dispatch_in_progress
