"""Which request is the first for its key: as one list of all requests says it, in every process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.ledger.rows import Flag
from dragstrip.load.arrivals import blocks_of, shares
from dragstrip.load.asked_keys import AskedKeys
from dragstrip.run.plan import PlannedOperation
from tests.unit.load.test_arrivals import plan

if TYPE_CHECKING:
    from dragstrip.run.plan import Plan, PlannedSlice

READS = PlannedOperation(name="lookup"), PlannedOperation(name="notes", weight=0.5)
WRITE = PlannedOperation(name="message", weight=0.4, writes=True)
PLANS = st.builds(
    plan,
    seed=st.integers(0, 2**32),
    operations=st.sampled_from([READS[:1], READS, (READS[0], WRITE), (*READS, WRITE)]),
    keys=st.sampled_from(["uniform", "sequential", "zipf:1.2", "hot:3"]),
    miss=st.sampled_from([0.0, 0.3]),
    rate=st.sampled_from([30, 400]),
    pairs=st.just(2),
)


def naive(plan: Plan, target: int) -> list[bool]:
    """Whether each request to a target is repeated, in order."""
    known: set[tuple[int, int]] = set()
    found = []
    for slice_ in plan.slices:
        for block in blocks_of(plan, slice_, target):
            for key, operation in zip(block.keys.tolist(), block.operations.tolist(), strict=True):
                found.append((key, operation) in known)
                known.add((key, operation))
                if plan.operations[operation].writes:
                    found[-1] = False
                    known -= {(key, other) for other in range(len(plan.operations))}
    return found


def flags(asked: AskedKeys, plan: Plan, slice_: PlannedSlice, target: int) -> list[bool]:
    blocks = asked.marked(blocks_of(plan, slice_, target), target)
    return [bool(one) for block in blocks for one in np.asarray(block.repeated)]


@given(PLANS)
def test_every_process_knows_the_first_of_all(made: Plan) -> None:
    asked = AskedKeys(made)
    for target in (0, 1):
        found = [one for slice_ in made.slices for one in flags(asked, made, slice_, target)]
        assert found == naive(made, target)


@given(PLANS, st.integers(0, 3), st.integers(1, 3))
def test_one_that_comes_later_or_has_a_share_says_the_same(made: Plan, first: int, of: int) -> None:
    asked, slice_ = AskedKeys(made), made.slices[first]
    asked.begin(slice_.index)
    for target in (0, 1):
        before = sum(
            len(block) for one in made.slices[:first] for block in blocks_of(made, one, target)
        )
        expected = naive(made, target)[before:]
        blocks = list(asked.marked(blocks_of(made, slice_, target), target))
        for position in range(of):
            shared = [
                bool(one)
                for block in shares(blocks, position, of)
                for one in np.asarray(block.repeated)
            ]
            here = sum(map(len, blocks))
            assert shared == expected[:here][position::of]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2))),
)
def test_in_the_closed_model_a_process_knows_its_own(asked_for: list[tuple[int, int]]) -> None:
    made = plan(operations=(*READS, WRITE), rate=0)
    known: set[tuple[int, int]] = set()
    for key, operation, flag in AskedKeys(made).flagged(asked_for, 0):
        is_write = made.operations[operation].writes
        expected = (key, operation) in known and not is_write
        assert flag == (Flag.REPEATED if expected else 0)
        known.add((key, operation))
        if is_write:
            known = {one for one in known if one[0] != key}


@given(
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0.5, 3, 200]),
    model=st.sampled_from(["poisson", "constant"]),
    miss=st.sampled_from([0.0, 0.2]),
)
def test_keys_once_are_asked_once(seed: int, rate: float, model: str, miss: float) -> None:
    made = plan(seed, keys="once", rate=rate, arrivals=model, miss=miss)
    made = made.model_copy(update={"keys": made.race.keys_once})
    for target in (0, 1):
        blocks = [b for slice_ in made.slices for b in blocks_of(made, slice_, target)]
        keys = np.concatenate([block.keys for block in blocks])
        assert len(np.unique(keys)) == len(keys)
        assert miss or keys.max() < made.keys
    one, other = ([b.keys for b in blocks_of(made, made.slices[0], n)] for n in (0, 1))
    assert not np.intersect1d(np.concatenate(one), np.concatenate(other)).size


@pytest.mark.parametrize("rate", [0.2, 5, 1000])
def test_a_slice_has_room_for_what_chance_may_draw(rate: float) -> None:
    race = plan(rate=rate).race
    drawn = np.random.default_rng(1).poisson(race.rate * race.slice, 10**6)
    assert drawn.max() < race.most_per_slice
