"""When lookups are due, and for which key: drawn before the slice, independent of any answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dragstrip.config import RaceConfig
    from dragstrip.plan import Plan, PlannedSlice

TRICKLE_PER_S = 2.0

_TRICKLE_STREAM = 1
_MISS_SPREAD = 1_000_000
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Due times (nanoseconds after the slice's start, ascending) and the key of each."""

    offsets_ns: NDArray[np.int64]
    keys: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets_ns)

    def share(self, position: int, of: int) -> Arrivals:
        """Return every `of`-th arrival from `position`: the shares of all workers are the whole."""
        return Arrivals(self.offsets_ns[position::of], self.keys[position::of])


def of_slice(plan: Plan, turn: PlannedSlice) -> Arrivals:
    """Draw a slice's arrivals: the same in every process, and for both slices of a pair."""
    random = np.random.default_rng([plan.seed, turn.pair])
    offsets = _OFFSETS[plan.race.arrivals](random, plan.race.rate, plan.race.slice)
    return _with_keys(random, offsets, plan)


def trickle(plan: Plan, turn: PlannedSlice) -> Arrivals:
    """Draw the few uncounted lookups that keep the other target awake during a slice."""
    random = np.random.default_rng([plan.seed, turn.index, _TRICKLE_STREAM])
    offsets = _constant(random, min(TRICKLE_PER_S, plan.race.rate), plan.race.slice)
    return _with_keys(random, offsets, plan)


def key_stream(race: RaceConfig, contacts: int, seed: Sequence[int]) -> Iterator[int]:
    """Yield keys for ever, by the same distribution as a race's."""
    random = np.random.default_rng(list(seed))
    while True:
        yield from draw_keys(random, _BLOCK, race, contacts).tolist()


def _with_keys(random: np.random.Generator, offsets_s: NDArray[np.float64], plan: Plan) -> Arrivals:
    keys = draw_keys(random, len(offsets_s), plan.race, plan.dataset.contacts)
    return Arrivals((offsets_s * 1e9).astype(np.int64), keys)


def draw_keys(
    random: np.random.Generator, count: int, race: RaceConfig, contacts: int
) -> NDArray[np.int64]:
    """Draw `count` keys: indices of contacts, and for a share of `miss` an index nobody has."""
    name, _, parameter = race.keys.partition(":")
    if name == "zipf":
        keys = _zipf(random, count, float(parameter), contacts)
    elif name == "hot":
        keys = random.integers(0, min(int(parameter), contacts), count)
    else:
        keys = random.integers(0, contacts, count)
    nobody = contacts + random.integers(0, _MISS_SPREAD, count)
    return np.where(random.random(count) < race.miss, nobody, keys)


def _poisson(random: np.random.Generator, rate: float, duration_s: float) -> NDArray[np.float64]:
    # Given their number, the points of a Poisson process are uniform over the time.
    return np.sort(random.random(random.poisson(rate * duration_s)) * duration_s)


def _constant(random: np.random.Generator, rate: float, duration_s: float) -> NDArray[np.float64]:
    phase = random.random()
    steps = np.arange(int(rate * duration_s), dtype=np.float64)
    return np.asarray((steps + phase) / rate, np.float64)


_OFFSETS = {"poisson": _poisson, "constant": _constant}


def _zipf(
    random: np.random.Generator, count: int, exponent: float, contacts: int
) -> NDArray[np.int64]:
    """Draw ranks with P(rank k) ~ k**-exponent, k = 1..contacts, and return k - 1.

    Rejection-inversion after Hörmann and Derflinger (1996): exact, and no table to hold.
    """

    def integral(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(x) if exponent == 1 else (x ** (1 - exponent) - 1) / (1 - exponent)

    def inverse(y: NDArray[np.float64]) -> NDArray[np.float64]:
        if exponent == 1:
            return np.exp(y)
        return (1 + y * (1 - exponent)) ** (1 / (1 - exponent))

    def at(x: float) -> float:
        return float(integral(np.array([x], float))[0])

    low, high = at(1.5) - 1, at(contacts + 0.5)
    keys = np.empty(0, np.int64)
    while len(keys) < count:
        y = high + random.random(count) * (low - high)
        rank = np.clip(np.rint(inverse(y)), 1, contacts)
        accepted = rank[y >= integral(rank + 0.5) - rank**-exponent]
        keys = np.concatenate([keys, accepted.astype(np.int64) - 1])
    return keys[:count]
