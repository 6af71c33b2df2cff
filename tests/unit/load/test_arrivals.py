from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.config import DatasetConfig, RaceConfig, ScenarioConfig
from dragstrip.load import arrivals
from dragstrip.run.plan import Plan, PlannedOperation, PlannedTarget, alternate
from dragstrip.scenario.numbered import drawn as drawn_key
from dragstrip.scenario.numbered import number_of
from tests.support import planned

CONTACTS = 500


MIXED = (
    PlannedOperation(name="lookup", weight=6),
    PlannedOperation(name="message", weight=3),
    PlannedOperation(name="report", weight=1),
)
ONE = MIXED[:1]


def plan(seed: int = 1, operations: tuple[PlannedOperation, ...] = ONE, **race: object) -> Plan:
    settings = RaceConfig.model_validate({"rate": 200, "slice": 5, "warmup": 1, "pairs": 4} | race)
    a, b = (PlannedTarget(name=name, kind="convex-http", url="http://127.0.0.1:1") for name in "ab")
    return Plan(
        run_id="r",
        seed=seed,
        scenario=ScenarioConfig(),
        keys=CONTACTS,
        dataset=DatasetConfig(contacts=CONTACTS),
        race=settings,
        targets=(a, b),
        operations=operations,
        slices=alternate(settings.pairs, seed),
    )


@pytest.mark.parametrize("model", ["poisson", "constant"])
def test_both_sides_of_a_pair_get_the_same_arrivals(model: str) -> None:
    made = plan(arrivals=model, operations=MIXED)
    first, second, other = (planned.of_slice(made, made.slices[i]) for i in (0, 1, 2))

    assert np.array_equal(first.offsets_ns, second.offsets_ns)
    assert np.array_equal(first.keys, second.keys)
    assert np.array_equal(first.operations, second.operations)
    assert not np.array_equal(first.keys[:50], other.keys[:50])
    assert not np.array_equal(first.operations[:50], other.operations[:50])


@pytest.mark.parametrize("model", ["poisson", "constant"])
def test_another_draw_of_a_slice_has_arrivals_of_its_own(model: str) -> None:
    made = plan(arrivals=model)
    again = [made.slices[0].model_copy(update={"draw": draw}) for draw in range(4)]
    drawn = [planned.of_slice(made, each) for each in again]
    assert len({tuple(each.offsets_ns[:5].tolist()) for each in drawn}) == 4
    assert len({tuple(each.keys[:50].tolist()) for each in drawn}) == 4


@pytest.mark.parametrize("model", ["poisson", "constant"])
def test_operations_change_neither_times_nor_keys(model: str) -> None:
    one, mixed = (plan(arrivals=model, operations=each) for each in (ONE, MIXED))
    for slice_ in one.slices[:3]:
        for drawn in (planned.of_slice, planned.trickle):
            alone, among = drawn(one, slice_), drawn(mixed, slice_)
            assert np.array_equal(alone.offsets_ns, among.offsets_ns)
            assert np.array_equal(alone.keys, among.keys)
            assert not alone.operations.any()
            assert set(among.operations.tolist()) <= {0, 1, 2}


def test_times_and_keys_are_those_that_earlier_versions_drew() -> None:
    made = plan(seed=3, arrivals="constant", rate=100)
    random = np.random.default_rng([3, 1])
    times_s = (np.arange(500) + random.random()) / 100
    keys = arrivals.draw_keys(random, 500, made.race, CONTACTS)
    drawn = planned.of_slice(made, made.slices[2])
    assert drawn.offsets_ns.tolist() == (times_s * 1e9).astype(np.int64).tolist()
    assert drawn.keys.tolist() == keys.tolist()


def test_operations_are_drawn_by_weight() -> None:
    made = plan(rate=2000, slice=20, operations=MIXED)
    drawn = planned.of_slice(made, made.slices[0]).operations
    shares = np.bincount(drawn, minlength=3) / len(drawn)
    # 40,000 draws put a share within 0.0025 of its weight; 0.0125 is five deviations.
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.0125)
    # Keys and operations are independent: each operation gets the share of misses.
    keys = planned.of_slice(made, made.slices[0]).keys
    for operation in range(3):
        misses = (keys[drawn == operation] >= CONTACTS).mean()
        assert misses == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("model", ["poisson", "constant"])
def test_due_times_ascend_and_stay_inside_the_slice(model: str) -> None:
    made = plan(arrivals=model)
    offsets = planned.of_slice(made, made.slices[0]).offsets_ns

    assert (np.diff(offsets) >= 0).all()
    assert offsets[0] >= 0
    assert offsets[-1] < 5e9


def test_poisson_gaps_are_exponential_and_constant_gaps_are_even() -> None:
    poisson, constant = (
        plan(rate=2000, slice=20, arrivals=model) for model in ("poisson", "constant")
    )
    gaps = np.diff(planned.of_slice(poisson, poisson.slices[0]).offsets_ns) / 1e9
    even = np.diff(planned.of_slice(constant, constant.slices[0]).offsets_ns) / 1e9

    # An exponential's deviation equals its mean; 40,000 gaps put both within 3 %.
    assert gaps.mean() == pytest.approx(1 / 2000, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)
    assert even == pytest.approx(np.full(len(even), 1 / 2000), rel=1e-5)


@given(workers=st.integers(1, 7))
def test_the_shares_of_all_workers_are_the_whole(workers: int) -> None:
    made = plan(operations=MIXED)
    whole = planned.of_slice(made, made.slices[0])
    shares = [whole.share(position, workers) for position in range(workers)]

    counts = sum(np.bincount(share.operations, minlength=3) for share in shares)
    assert np.array_equal(counts, np.bincount(whole.operations, minlength=3))
    together = np.sort(np.concatenate([share.offsets_ns for share in shares]))
    assert np.array_equal(together, whole.offsets_ns)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("model", ["poisson", "constant"])
@given(workers=st.integers(1, 40), rate=st.sampled_from([3, 500, 2000]))
def test_shares_of_blocks_are_blocks_of_shares(model: str, workers: int, rate: float) -> None:
    made = plan(rate=rate, arrivals=model, operations=MIXED)
    slice_ = made.slices[0]
    whole = planned.of_slice(made, slice_)
    for position in {0, workers // 2, workers - 1}:
        blocks = list(arrivals.shares(arrivals.blocks_of_slice(made, slice_), position, workers))
        mine = whole.share(position, workers)
        assert np.concatenate([block.offsets_ns for block in blocks]).tolist() == (
            mine.offsets_ns.tolist()
        )
        assert np.concatenate([block.keys for block in blocks]).tolist() == mine.keys.tolist()
        operations = np.concatenate([block.operations for block in blocks])
        assert operations.tolist() == mine.operations.tolist()


def test_a_days_arrivals_at_a_high_rate_are_drawn_as_they_are_needed() -> None:
    made = plan(rate=100_000, slice=86_400)
    blocks = arrivals.blocks_of_slice(made, made.slices[0])
    first, second = next(blocks), next(blocks)
    assert first.offsets_ns[-1] <= second.offsets_ns[0]
    assert len(first) == len(second) < 10_000


def test_how_many_arrivals_a_poisson_slice_has_varies_as_it_should() -> None:
    counts = []
    for seed in range(300):
        made = plan(seed, rate=50, slice=2, warmup=0)
        counts.append(len(planned.of_slice(made, made.slices[0])))
    # Mean and variance are both 100; 300 draws put them within 3 and 40 (over 5 deviations).
    assert np.mean(counts) == pytest.approx(100, abs=3)
    assert np.var(counts) == pytest.approx(100, abs=42)


def test_the_closed_models_keys_are_those_of_the_pair_and_the_worker() -> None:
    made = plan(rate=0)

    def first(slice_: int, worker: int) -> list[int]:
        return list(islice(arrivals.closed_keys(made, made.slices[slice_], worker), 2000))

    assert first(0, 0) == first(1, 0)
    assert first(0, 0) != first(2, 0)
    assert first(0, 0) != first(0, 1)
    assert np.mean(np.array(first(0, 0)) >= CONTACTS) == pytest.approx(0.05, abs=0.03)
    assert len(planned.trickle(made, made.slices[0])) == 10


def test_the_closed_models_operations_are_those_of_the_pair_and_the_worker() -> None:
    made = plan(rate=0, operations=MIXED)

    def first(slice_: int, worker: int) -> list[int]:
        return list(islice(arrivals.closed_operations(made, made.slices[slice_], worker), 2000))

    assert first(0, 0) == first(1, 0)
    assert first(0, 0) != first(2, 0)
    assert first(0, 0) != first(0, 1)
    shares = np.bincount(first(0, 0), minlength=3) / 2000
    assert shares == pytest.approx([0.6, 0.3, 0.1], abs=0.06)


def test_misses_are_indices_that_nobody_has_in_the_share_asked_for() -> None:
    random = np.random.default_rng(7)
    for share in (0.0, 0.2, 1.0):
        race = RaceConfig(miss=share)
        keys = arrivals.draw_keys(random, 50_000, race, CONTACTS)
        assert (keys >= CONTACTS).mean() == pytest.approx(share, abs=0.01)
        assert (keys >= 0).all()


def test_uniform_keys_reach_every_contact_equally() -> None:
    keys = arrivals.draw_keys(np.random.default_rng(7), 500_000, RaceConfig(miss=0), CONTACTS)
    counts = np.bincount(keys, minlength=CONTACTS)

    assert len(counts) == CONTACTS
    # 1,000 each, with a deviation of 32: none is six deviations away.
    assert abs(counts - 1000).max() < 200


def test_hot_keys_are_the_first_few() -> None:
    race = RaceConfig(keys="hot:3", miss=0)
    keys = arrivals.draw_keys(np.random.default_rng(7), 1000, race, CONTACTS)
    assert set(keys.tolist()) == {0, 1, 2}

    fewer = arrivals.draw_keys(np.random.default_rng(7), 1000, race, 2)
    assert set(fewer.tolist()) == {0, 1}


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.1, 2.5])
@pytest.mark.parametrize("contacts", [1, 2, 50])
def test_zipf_keys_follow_their_law(exponent: float, contacts: int) -> None:
    race = RaceConfig(keys=f"zipf:{exponent}", miss=0)
    keys = arrivals.draw_keys(np.random.default_rng(3), 400_000, race, contacts)

    weights = np.arange(1, contacts + 1) ** -exponent
    shares = np.bincount(keys, minlength=contacts) / len(keys)
    assert len(shares) == contacts
    assert shares == pytest.approx(weights / weights.sum(), abs=0.004)


def test_zipf_over_a_hundred_million_contacts_needs_no_table() -> None:
    race = RaceConfig(keys="zipf:1.1", miss=0)
    keys = arrivals.draw_keys(np.random.default_rng(3), 1000, race, 100_000_000)
    assert keys.min() >= 0
    assert keys.max() < 100_000_000


@pytest.mark.parametrize("model", ["poisson", "constant"])
def test_sequential_keys_follow_each_other_through_all_pairs(model: str) -> None:
    made = plan(arrivals=model, keys="sequential", miss=0)
    first, second = (planned.of_slice(made, made.slices[i]).keys for i in (0, 1))
    assert first.tolist() == second.tolist() == [n % CONTACTS for n in range(len(first))]
    # A slice has about 1000 arrivals, so that the next pair begins with the key of number 1000.
    other = planned.of_slice(made, made.slices[2]).keys
    assert other.tolist() == [(1000 + n) % CONTACTS for n in range(len(other))]


def test_sequential_users_begin_apart_and_go_on_by_one() -> None:
    race = RaceConfig(keys="sequential", miss=0)
    streams = [arrivals.key_stream(race, CONTACTS, (1, user)) for user in (1, 2)]
    one, other = (list(islice(stream, 3000)) for stream in streams)
    assert one[0] != other[0]
    for drawn in (one, other):
        assert drawn == [(drawn[0] + n) % CONTACTS for n in range(3000)]


def test_key_streams_of_different_users_differ_and_repeat() -> None:
    race = RaceConfig()

    def first(*seed: int) -> list[int]:
        stream = arrivals.key_stream(race, CONTACTS, seed)
        return [next(stream) for _ in range(600)]

    assert first(1, 0, 1) == first(1, 0, 1)
    assert first(1, 0, 1) != first(1, 0, 2)
    assert first(1, 0, 1) != first(1, 1, 1)


def test_the_trickle_is_small_and_differs_from_slice_to_slice() -> None:
    made = plan()
    first, second = (planned.trickle(made, made.slices[i]) for i in (0, 1))
    assert len(first) == round(made.race.trickle_per_s * made.race.slice)
    assert not np.array_equal(first.keys, second.keys)


def test_slices_alternate_abba_with_both_starts() -> None:
    order = [slice_.target for slice_ in alternate(40, seed=5)]
    blocks = [order[i : i + 4] for i in range(0, len(order), 4)]

    assert set(map(tuple, blocks)) == {(0, 1, 1, 0), (1, 0, 0, 1)}
    assert order == [slice_.target for slice_ in alternate(40, seed=5)]
    assert [slice_.pair for slice_ in alternate(3, 1)] == [0, 0, 1, 1, 2, 2]
    assert [slice_.position for slice_ in alternate(3, 1)] == [0, 1, 0, 1, 0, 1]


FOLLOWING = (
    PlannedOperation(name="lookup", weight=4, follows="message"),
    PlannedOperation(name="message", weight=1),
)


def numbered(operations: tuple[PlannedOperation, ...] = FOLLOWING, **race: Any) -> Plan:
    return plan(operations=operations, **race).model_copy(update={"numbered": True})


def test_numbers_tell_all_arrivals_of_a_race_apart_and_are_alike_for_both_of_a_pair() -> None:
    made = numbered()
    parts: dict[tuple[int, bool], set[int]] = {}
    for slice_ in made.slices:
        for is_trickle, draw in ((False, planned.of_slice), (True, planned.trickle)):
            keys = draw(made, slice_).keys.tolist()
            assert len(set(keys)) == len(keys) > 0
            assert parts.setdefault((slice_.pair, is_trickle), set(keys)) == set(keys)
    numbers = [number_of(key) for keys in parts.values() for key in keys]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < made.race.numbers


@given(st.integers(1, 9))
def test_every_drawn_key_belongs_to_one_worker_and_every_arrival_to_some(workers: int) -> None:
    made = numbered(keys="zipf:1.1")
    slice_ = made.slices[0]
    whole = planned.of_slice(made, slice_)
    owners: dict[int, int] = {}
    keys: list[int] = []
    for worker in range(workers):
        for block in arrivals.owned(arrivals.blocks_of_slice(made, slice_), worker, workers):
            keys += block.keys.tolist()
            assert all(
                owners.setdefault(drawn_key(key), worker) == worker for key in block.keys.tolist()
            )
    assert sorted(keys) == sorted(whole.keys.tolist())


def test_a_lookup_asks_for_whom_the_last_message_was_from_once_it_is_a_moment_old() -> None:
    whole = planned.of_slice(numbered(rate=100), numbered(rate=100).slices[0])
    waiting: list[tuple[int, int]] = []
    followed = 0
    for at_ns, key, operation in zip(
        whole.offsets_ns.tolist(), whole.keys.tolist(), whole.operations.tolist(), strict=True
    ):
        if operation == 1:
            waiting.append((at_ns, drawn_key(key)))
        elif old := [one for one in waiting if one[0] <= at_ns - arrivals.FOLLOW_S * 1e9]:
            assert drawn_key(key) == old[-1][1]
            waiting = waiting[len(old) :]
            followed += 1
    assert followed > 50


def test_times_and_operations_do_not_depend_on_numbers() -> None:
    plain, other = plan(operations=MIXED), numbered(MIXED)
    first, second = (planned.of_slice(one, one.slices[0]) for one in (plain, other))
    assert first.offsets_ns.tolist() == second.offsets_ns.tolist()
    assert first.operations.tolist() == second.operations.tolist()
    assert first.keys.tolist() == [drawn_key(key) for key in second.keys.tolist()]
