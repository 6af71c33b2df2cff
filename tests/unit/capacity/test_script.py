"""What a search plays, decided by simulated slices."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.analysis.capacity import Bounds
from dragstrip.analysis.capacity_model import CapacitySlice
from dragstrip.capacity.bounds import UNCALIBRATED_PER_S, bounds_of, connections_of
from dragstrip.capacity.script import Capacities, most_requests, most_slices
from dragstrip.config.config import Config, RaceConfig
from dragstrip.errors import UsageError
from dragstrip.run.model import Generator
from dragstrip.run.plan import PlannedOperation

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.capacity.script import Ask

RACE = RaceConfig(slice=4, warmup=1)
BOUNDS = Bounds(20, 1000, 10, is_generators=False)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def slice_of(ask: Ask, *, kept: float, void: bool = False) -> CapacitySlice:
    return CapacitySlice(
        index=0,
        round=ask.round,
        target=("old", "new")[ask.target],
        rate_per_s=ask.load.rate,
        phase=ask.phase,
        started=NOW,
        ended=NOW,
        outcome="void" if void else "kept" if kept else "broken",
        kept=kept,
        over=0,
        effective_over=0,
        effective_requests=0,
        broken_by=None if kept else "objective",
        cut=False,
        generator=Generator(cpu=0.1, loop_lag_p99_ms=1, send_delay_p99_ms=1, no_connection=0),
        requests=0,
        verified=0,
        failed={},
        offered_per_s=0,
        achieved_per_s=0,
        p50_ms=None,
        p95_ms=None,
        p99_ms=None,
    )


def play(answer: Callable[[Ask], CapacitySlice]) -> list[CapacitySlice]:
    """Play a search to its end."""
    script = Capacities(BOUNDS, RACE, seed=1).script()
    played: list[CapacitySlice] = []
    ask = next(script)
    while True:
        played.append(answer(ask))
        assert len(played) < 1000
        try:
            ask = script.send(played[-1])
        except StopIteration:
            return played


@given(st.floats(10, 1500), st.floats(10, 1500), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_search_ends_within_what_is_said_beforehand(
    old: float,
    new: float,
    random: st.random.Random,  # type: ignore[name-defined]
) -> None:
    def answer(ask: Ask) -> CapacitySlice:
        kept = ask.load.rate < (old, new)[ask.target]
        return slice_of(ask, kept=float(kept), void=not kept and random.random() < 0.2)

    played = play(answer)
    for name in ("old", "new"):
        own = [one for one in played if one.target == name]
        assert sum(one.phase != "recovery" for one in own) <= most_slices(BOUNDS)
        lengths = {"recovery": 1.0}
        sent = sum(one.rate_per_s * lengths.get(one.phase, RACE.slice) for one in own)
        assert sent <= most_requests(BOUNDS, RACE)
        assert all(20 <= one.rate_per_s <= 1000 for one in own)


def test_targets_take_turns_and_one_that_broke_is_let_recover_first() -> None:
    played = play(lambda ask: slice_of(ask, kept=float(ask.load.rate < 100)))
    searched = [one for one in played if one.phase == "search"]
    for number in range(max(one.round for one in searched)):
        assert sorted(one.target for one in searched if one.round == number) == ["new", "old"]
    broken = [n for n, one in enumerate(played) if one.phase == "search" and not one.kept]
    assert broken
    assert all(played[n + 1].phase == "recovery" for n in broken)
    assert all(played[n + 1].target == played[n].target for n in broken)


def test_a_target_that_does_not_recover_is_not_asked_for_ever() -> None:
    is_down = [False, False]

    def answer(ask: Ask) -> CapacitySlice:
        is_down[ask.target] |= ask.load.rate > 100
        return slice_of(ask, kept=float(not is_down[ask.target]))

    played = play(answer)
    assert not any(one.kept for one in played if one.phase == "recovery")
    assert sum(one.phase == "search" for one in played) <= 8


def bounds(lowest: float | None, highest: float | None, ceiling: float | None) -> Bounds:
    config = Config(race=RACE)
    return bounds_of(
        config,
        [PlannedOperation(name="lookup")],
        lowest_per_s=lowest,
        highest_per_s=highest,
        ceiling_per_s=ceiling,
    )


def test_a_search_goes_from_a_filled_slice_to_what_the_machine_can_send() -> None:
    found = bounds(None, None, None)
    assert found.lowest_per_s * RACE.counted_s >= 59
    assert found.highest_per_s == UNCALIBRATED_PER_S
    assert not found.is_generators
    assert bounds(None, None, 5000) == found._replace(highest_per_s=5000, is_generators=True)
    assert not bounds(None, 500, 5000).is_generators
    assert connections_of(Config(race=RACE), found) == 256
    assert connections_of(Config(race=RaceConfig(connections=7)), found) == 7


@pytest.mark.parametrize(
    ("given_", "flag"),
    [
        ((300, 500, None), "--from"),
        ((None, 50, None), "--from"),
        ((5, 20, None), "--to"),
        ((None, 6000, 5000), "--to"),
    ],
)
def test_absurd_bounds_are_refused_with_the_flag(
    given_: tuple[float | None, float | None, float | None], flag: str
) -> None:
    with pytest.raises(UsageError) as refused:
        bounds(*given_)
    assert flag in refused.value.message
    assert refused.value.fix
