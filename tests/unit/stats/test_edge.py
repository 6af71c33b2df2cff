"""Edges of known probits and of cliffs, and what may not change them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.stats.early_stopping import chance_kept, outcome
from dragstrip.stats.edge import Trial, edge
from dragstrip.stats.paired_edges import difference
from dragstrip.stats.runaway import outgrows, runs_away
from dragstrip.stats.two_proportions import Proportion


def trials(true: float, spread: float, count: int = 400, seed: int = 1) -> list[Trial]:
    random = np.random.default_rng(seed)
    rates = true + random.uniform(-0.3, 0.3, count)
    kept = random.normal(true, spread, count) > rates
    return [Trial(float(x), float(y), n) for n, (x, y) in enumerate(zip(rates, kept, strict=True))]


@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_many_trials_find_a_known_edge_closely(spread: float) -> None:
    found = edge(trials(5.0, spread))
    assert found is not None
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(5.0, abs=spread / 3)
    assert found.high - found.low < 1.5 * spread + 0.02


@given(st.floats(3, 8), st.floats(0.02, 0.4))
@settings(max_examples=25)
def test_a_cliffs_interval_holds_all_that_lies_between_kept_and_broken(
    true: float, gap: float
) -> None:
    found = edge([Trial(true - gap / 2, 1.0), Trial(true + gap / 2, 0.0)] * 8)
    assert found is not None
    assert found.low <= true - gap / 2 * 0.9
    assert found.high >= true + gap / 2 * 0.9
    assert found.value == pytest.approx(true, abs=0.01)


def test_one_sided_trials_have_no_edge() -> None:
    assert edge([Trial(3.0, 1.0), Trial(4.0, 1.0)]) is None
    assert edge([Trial(3.0, 0.0), Trial(4.0, 0.2)]) is None
    assert difference([Trial(3.0, 1.0), Trial(4.0, 0.0)], [Trial(3.0, 1.0)]) is None


def test_the_difference_of_targets_is_that_of_their_edges_and_turns_its_sign() -> None:
    one, other = trials(5.0, 0.05, count=100), trials(5.7, 0.08, count=100, seed=2)
    there, back = difference(one, other), difference(other, one)
    assert there is not None
    assert back is not None
    assert there.low < 0.7 < there.high
    assert there.value == pytest.approx(0.7, abs=0.05)
    assert (back.value, back.low, back.high) == pytest.approx(
        (-there.value, -there.high, -there.low), abs=0.011
    )


def test_what_a_round_does_to_both_targets_cancels() -> None:
    random = np.random.default_rng(6)
    shifts = random.normal(0, 0.1, 30)

    def asked(true: float) -> list[Trial]:
        rates = true + random.uniform(-0.06, 0.06, len(shifts))
        kept = true + shifts + random.normal(0, 0.02, len(shifts)) > rates
        return [Trial(x, float(y), n) for n, (x, y) in enumerate(zip(rates, kept, strict=True))]

    one, other = asked(5.0), asked(5.7)
    paired = difference(one, other)
    apart = difference(one, [Trial(t.log_rate, t.kept, t.round + len(shifts)) for t in other])
    assert paired is not None
    assert apart is not None
    assert paired.low <= 0.7 <= paired.high
    assert paired.high - paired.low < 0.8 * (apart.high - apart.low)


@pytest.mark.parametrize(
    ("over", "total", "word"),
    [(0, 58, "open"), (0, 59, "kept"), (1, 59, "open"), (7, 59, "broken"), (0, 0, "open")],
)
def test_a_slice_is_kept_from_as_many_requests_as_the_binomial_needs(
    over: int, total: int, word: str
) -> None:
    # 0.95 ** 59 < 0.05 < 0.95 ** 58: LoadGen's least number of queries for a p95 at 95 %.
    assert outcome(Proportion(over, total), 0.05) == word


@given(st.integers(1, 2000), st.floats(0, 1))
def test_what_is_certain_is_likely(total: int, share: float) -> None:
    found = Proportion(share * total, total)
    chance = chance_kept(found, 0.05)
    assert 0 <= chance <= 1
    if (word := outcome(found, 0.05)) != "open":
        assert (chance > 0.9) == (word == "kept")


def test_a_queue_that_grows_runs_away_and_a_busy_one_does_not() -> None:
    times = [0.1 * k for k in range(20)]
    noise = np.random.default_rng(3).normal(0, 1, (2, 20))
    growing = [5 * k + n for k, n in enumerate(noise[0])]
    steady = (20 + noise[1]).tolist()
    assert runs_away(times, growing, [2 * one for one in growing])
    assert not runs_away(times, growing, steady)
    assert not runs_away(times, steady, growing)
    assert not runs_away(times[:5], growing[:5], growing[:5])
    assert not runs_away(times, [math.pi] * 20, growing)


@pytest.mark.parametrize(
    ("per_s", "bound_ms", "too_fast"),
    [
        (10.0, 500, True),
        (1.6, 500, True),
        (3.0, 3000, False),  # 190 in flight after a minute: each waits for 1.9 s
        (1.4, 500, False),  # so many more may have come by chance
    ],
)
def test_a_queue_that_would_miss_the_bound_within_a_minute_outgrows(
    per_s: float, bound_ms: float, too_fast: bool
) -> None:
    times = [0.1 * k for k in range(30)]
    noise = np.random.default_rng(4).normal(0, 0.01, 30)
    in_flight = [10 + per_s * at + n for at, n in zip(times, noise, strict=True)]
    latency_ms = [10 * count for count in in_flight]
    assert runs_away(times, in_flight, latency_ms)
    found = outgrows(times, in_flight, latency_ms, rate_per_s=100, bound_ms=bound_ms)
    assert found == too_fast
