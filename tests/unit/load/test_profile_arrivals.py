"""Arrivals of a rate that varies."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.config.config import DatasetConfig, RaceConfig, ScenarioConfig
from dragstrip.load import arrivals
from dragstrip.run.plan import Plan, PlannedTarget, alternate
from tests.support import planned

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from dragstrip.load.arrivals import Arrivals


def _plan(seed: int, **race: object) -> Plan:
    config = RaceConfig.model_validate({"slice": 5, "warmup": 1, "pairs": 4} | race)
    a, b = (PlannedTarget(name=name, kind="http", url="http://127.0.0.1:1") for name in "ab")
    return Plan(
        run_id="r",
        seed=seed,
        scenario=ScenarioConfig(),
        keys=100,
        dataset=DatasetConfig(contacts=100),
        race=config,
        targets=(a, b),
        slices=alternate(config.pairs, seed),
    )


_PROFILES = st.sampled_from(
    [
        *("ramp:10..400", "ramp:400..10/20s", "steps:0,300,50", "steps:200,0,100/7.5s"),
        *("spike:20,900@1s+500ms", "sine:10..300", "sine:0..300/20s"),
    ]
)
_ARRIVALS = st.sampled_from(["poisson", "constant"])


@given(_PROFILES, _ARRIVALS, st.integers(0, 2**32))
def test_times_ascend_within_the_slice_and_are_alike_for_both_targets(
    profile: str, model: str, seed: int
) -> None:
    plan = _plan(seed, profile=profile, arrivals=model)
    for first, second in zip(plan.slices[::2], plan.slices[1::2], strict=True):
        one, other = planned.of_slice(plan, first), planned.of_slice(plan, second)
        assert np.array_equal(one.offsets_ns, other.offsets_ns)
        assert np.array_equal(one.keys, other.keys)
        assert (np.diff(one.offsets_ns) >= 0).all()
        assert not len(one) or 0 <= one.offsets_ns[0] <= one.offsets_ns[-1] <= 5e9


@given(_PROFILES, _ARRIVALS, st.integers(0, 2**32))
def test_as_many_are_due_in_any_stretch_as_the_profile_says(
    profile: str, model: str, seed: int
) -> None:
    plan = _plan(seed, profile=profile, arrivals=model)
    shape = plan.race.shape
    assert shape is not None
    times_s = np.concatenate(
        [one.pair * 5 + planned.of_slice(plan, one).offsets_ns / 1e9 for one in plan.slices[::2]]
    )
    edges_s = np.linspace(0, 20, 41)
    found, expected = np.histogram(times_s, edges_s)[0], np.diff(shape.requests_by(edges_s))
    # By chance, a count of 40 leaves this once in 10^7; at even distances only its edges are open.
    far = 6 * np.sqrt(expected) + 6 if model == "poisson" else 2.0
    assert (np.abs(found - expected) <= far).all()


@given(_PROFILES, st.integers(1, 5))
def test_the_shares_of_all_workers_are_the_whole(profile: str, of: int) -> None:
    plan = _plan(7, profile=profile)
    whole = planned.of_slice(plan, plan.slices[2])
    parts = [
        list(arrivals.shares(arrivals.blocks_of_slice(plan, plan.slices[2]), position, of))
        for position in range(of)
    ]
    times = np.concatenate([block.offsets_ns for part in parts for block in part])
    assert np.array_equal(np.sort(times), whole.offsets_ns)
    assert max(map(_count, parts)) - min(map(_count, parts)) <= 1


def _count(blocks: list[Arrivals]) -> int:
    return sum(map(len, blocks))


@settings(max_examples=30)
@given(st.lists(st.integers(1, 3_000_000), min_size=20, max_size=200), st.sampled_from([1, 2, 0.5]))
def test_a_log_is_replayed_at_its_own_times(
    tmp_path_factory: pytest.TempPathFactory, gaps_us: list[int], speed: float
) -> None:
    path: Path = tmp_path_factory.mktemp("log") / "access.log"
    times_us = np.cumsum([1, *gaps_us])
    path.write_text("".join(f"{one // 10**6}.{one % 10**6:06}\n" for one in times_us.tolist()))
    lasts_s = (times_us[-1] - 1) / 1e6 / speed
    pairs = int(lasts_s // 5) + 1
    plan = _plan(1, profile=f"replay:{path}*{speed}", pairs=pairs)
    due_ns = np.concatenate(
        [one.pair * 5 * 10**9 + planned.of_slice(plan, one).offsets_ns for one in plan.slices[::2]]
    )
    once = due_ns[: len(times_us)]
    assert np.abs(once - (times_us - 1) * 1e3 / speed).max() <= 1_000


@given(_PROFILES, _ARRIVALS, st.floats(0, 30))
@settings(max_examples=30)
def test_the_users_of_plain_locust_make_the_profile_together(
    profile: str, model: str, from_s: float
) -> None:
    race = RaceConfig.model_validate({"profile": profile, "arrivals": model, "connections": 8})
    shape = race.shape
    assert shape is not None
    # Of a user, the first 400 reach further than these 10 s.
    drawn = [arrivals.times_of_user(race, shape, (1, n), n, from_s) for n in range(8)]
    times_s = np.concatenate([list(islice(each, 400)) for each in drawn])
    assert times_s.min() >= from_s - 1e-6
    edges_s = from_s + np.linspace(0, 10, 11)
    found, expected = np.histogram(times_s, edges_s)[0], np.diff(shape.requests_by(edges_s))
    far = 6 * np.sqrt(expected) + 6 if model == "poisson" else 2.0
    assert (np.abs(found - expected) <= far).all()


def test_the_users_of_plain_locust_share_a_log_without_rest(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("".join(f"{n}.5\n" for n in range(20)))
    race = RaceConfig.model_validate({"profile": f"replay:{path}", "connections": 3})
    assert race.shape is not None
    drawn = [arrivals.times_of_user(race, race.shape, (1, n), n, 0.0) for n in range(3)]
    times_s = np.sort(np.concatenate([list(islice(each, 6)) for each in drawn]))
    assert times_s.tolist() == list(range(18))
