"""When requests are due, and for which key and operation: drawn from a seed, whatever is answered.

They are drawn a block at a time, as a slice goes on: a long one at a high rate takes no more memory
than a short one, and drawing a block takes less time than sending a few requests.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dragstrip.scenario.numbered import all_drawn, compose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dragstrip.config.config import RaceConfig
    from dragstrip.config.load_profile import LoadProfile
    from dragstrip.run.plan import Plan, PlannedOperation, PlannedSlice

_TRICKLE_STREAM = 1
_CLOSED_STREAM = 2
_OPERATION_STREAM = 3
_AGAIN_STREAM = 4
"""A stream of its own: the times and keys of a plan do not depend on its operations."""
MISS_SPREAD = 1_000_000
"""How many keys stand for what does not exist."""
FOLLOW_S = 0.05
"""How old an arrival is that another one follows: by then, most have their answer."""
_FOLLOW_NS = round(FOLLOW_S * 1e9)
_BLOCK = 1024
_FEW = 64
"""So many of one user's are drawn at a time."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Due times (nanoseconds after the slice's start, ascending), each with key and operation.

    `repeated` says whether the target was asked for the key before; None where nothing says so.
    """

    offsets_ns: NDArray[np.int64]
    keys: NDArray[np.int64]
    operations: NDArray[np.uint8]
    repeated: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.offsets_ns)

    def share(self, position: int, of: int) -> Arrivals:
        """Return every `of`-th arrival from `position`: the shares of all workers are the whole."""
        return self.only(slice(position, None, of))

    def only(self, which: slice | NDArray[np.bool_]) -> Arrivals:
        """Return the arrivals of a slice or mask."""
        return Arrivals(
            self.offsets_ns[which],
            self.keys[which],
            self.operations[which],
            None if self.repeated is None else self.repeated[which],
        )


def blocks_of(plan: Plan, slice_: PlannedSlice, target: int) -> Iterator[Arrivals]:
    """Draw a target's arrivals in a slice, its own or the other's."""
    draw = blocks_of_slice if target == slice_.target else blocks_of_trickle
    return draw(plan, slice_)


def owned(blocks: Iterable[Arrivals], position: int, of: int) -> Iterator[Arrivals]:
    """Yield a worker's share of numbered arrivals: all of the keys that it owns."""
    for block in blocks:
        yield block.only(all_drawn(block.keys) % of == position)


def blocks_of_slice(plan: Plan, slice_: PlannedSlice) -> Iterator[Arrivals]:
    """Draw a slice's arrivals, a block at a time: the same everywhere, and for both of a pair."""
    again = (_AGAIN_STREAM, slice_.draw) if slice_.draw else ()
    seed, race = (plan.seed, slice_.pair, *again), plan.race
    random = np.random.default_rng(list(seed))
    each = race.most_per_slice if race.keys == "once" else round(race.rate * race.slice)
    first = slice_.pair * each
    offsets_s = _offsets_s(random, race, slice_.pair)
    blocks = _with_keys(random, offsets_s, plan, _operation_stream(seed), first)
    return _linked(blocks, plan, 2 * slice_.pair)


def blocks_of_trickle(plan: Plan, slice_: PlannedSlice) -> Iterator[Arrivals]:
    """Draw the few uncounted requests that keep the other target awake, a block at a time."""
    place, race = slice_.pair if plan.numbered else slice_.index, plan.race
    seed = (plan.seed, place, _TRICKLE_STREAM)
    random = np.random.default_rng(list(seed))
    offsets_s = _constant(random, race.trickle_per_s, race.slice)
    first = place * round(race.trickle_per_s * race.slice)
    if race.keys == "once":
        # Behind the keys of all slices, and apart from those of other trickles.
        first = plan.pairs * race.most_per_slice + place * race.trickle_per_slice
    blocks = _with_keys(random, offsets_s, plan, _operation_stream(seed), first)
    return _linked(blocks, plan, 2 * slice_.pair + 1)


def _linked(blocks: Iterator[Arrivals], plan: Plan, part: int) -> Iterator[Arrivals]:
    """Let operations follow others, and number the arrivals where the plan says so."""
    numbers = [operation.name for operation in plan.operations]
    follows = {
        n: numbers.index(one.follows) for n, one in enumerate(plan.operations) if one.follows
    }
    if follows:
        blocks = _followed(blocks, follows)
    return _numbered(blocks, part * plan.race.most_per_slice) if plan.numbered else blocks


def _followed(blocks: Iterable[Arrivals], follows: dict[int, int]) -> Iterator[Arrivals]:
    waiting: dict[int, deque[tuple[int, int]]] = {one: deque() for one in follows.values()}
    for block in blocks:
        keys, operations = block.keys.tolist(), block.operations.tolist()
        for n, (at_ns, operation) in enumerate(
            zip(block.offsets_ns.tolist(), operations, strict=True)
        ):
            if operation in follows:
                older = waiting[follows[operation]]
                while older and older[0][0] <= at_ns - _FOLLOW_NS:
                    keys[n] = older.popleft()[1]
            if operation in waiting:
                waiting[operation].append((at_ns, keys[n]))
        yield Arrivals(block.offsets_ns, np.array(keys, np.int64), block.operations)


def _numbered(blocks: Iterable[Arrivals], first: int) -> Iterator[Arrivals]:
    for block in blocks:
        numbers = np.arange(first, first + len(block), dtype=np.int64)
        yield Arrivals(block.offsets_ns, compose(numbers, block.keys), block.operations)
        first += len(block)


def shares(blocks: Iterable[Arrivals], position: int, of: int) -> Iterator[Arrivals]:
    """Yield a worker's share of each block, as Arrivals.share does for the whole."""
    drawn = 0
    for block in blocks:
        yield block.share((position - drawn) % of, of)
        drawn += len(block)


def closed_keys(plan: Plan, slice_: PlannedSlice, worker: int) -> Iterator[int]:
    """Yield a worker's keys in the closed model for ever: the same for both slices of a pair."""
    seed = (plan.seed, slice_.pair, worker, _CLOSED_STREAM)
    return key_stream(plan.race, plan.keys, seed)


def closed_operations(plan: Plan, slice_: PlannedSlice, worker: int) -> Iterator[int]:
    """Yield the operation that goes with each of `closed_keys`."""
    seed = (plan.seed, slice_.pair, worker, _CLOSED_STREAM)
    return operation_stream(plan.operations, seed)


def operation_stream(operations: Sequence[PlannedOperation], seed: Sequence[int]) -> Iterator[int]:
    """Yield operations for ever, each as often as its weight says."""
    random = _operation_stream(seed)
    while True:
        yield from draw_operations(random, _BLOCK, operations).tolist()


def key_stream(race: RaceConfig, contacts: int, seed: Sequence[int]) -> Iterator[int]:
    """Yield keys for ever, by the same distribution as a race's."""
    random = np.random.default_rng(list(seed))
    # Those that draw side by side begin apart.
    first = int(random.integers(0, contacts)) if race.keys == "sequential" else 0
    while True:
        yield from draw_keys(random, _BLOCK, race, contacts, first).tolist()
        first += _BLOCK


def _with_keys(
    random: np.random.Generator,
    offsets_s: Iterable[NDArray[np.float64]],
    plan: Plan,
    for_operations: np.random.Generator,
    first: int,
) -> Iterator[Arrivals]:
    for block in offsets_s:
        keys = draw_keys(random, len(block), plan.race, plan.keys, first)
        first += len(block)
        operations = draw_operations(for_operations, len(block), plan.operations)
        yield Arrivals((block * 1e9).astype(np.int64), keys, operations)


def _operation_stream(seed: Sequence[int]) -> np.random.Generator:
    return np.random.default_rng([*seed, _OPERATION_STREAM])


def draw_operations(
    random: np.random.Generator, count: int, operations: Sequence[PlannedOperation]
) -> NDArray[np.uint8]:
    """Draw `count` operations: each one's number, as often as its weight says."""
    if len(operations) == 1:
        return np.zeros(count, np.uint8)
    ends = np.cumsum([operation.weight for operation in operations])
    drawn: NDArray[np.int64] = np.searchsorted(ends, random.random(count) * ends[-1], side="right")
    # Rounding may take a product to the last end, where no operation is.
    numbers: NDArray[np.uint8] = np.minimum(drawn, len(operations) - 1).astype(np.uint8)
    return numbers


def draw_keys(
    random: np.random.Generator, count: int, race: RaceConfig, contacts: int, first: int = 0
) -> NDArray[np.int64]:
    """Draw `count` keys: indices of contacts, and for a share of `miss` an index beyond them.

    Sequential ones begin with `first`, and so do those that are asked once.
    """
    name, _, parameter = race.keys.partition(":")
    if name == "zipf":
        keys = _zipf(random, count, float(parameter), contacts)
    elif name == "hot":
        keys = random.integers(0, min(int(parameter), contacts), count)
    elif name == "sequential":
        keys = (first + np.arange(count)) % contacts
    else:
        keys = random.integers(0, contacts, count)
    if name == "once":
        keys = first + np.arange(count)
        return np.where(random.random(count) < race.miss, contacts + keys, keys)
    missing = contacts + random.integers(0, MISS_SPREAD, count)
    return np.where(random.random(count) < race.miss, missing, keys)


def _offsets_s(
    random: np.random.Generator, race: RaceConfig, pair: int
) -> Iterator[NDArray[np.float64]]:
    """Draw times: at one rate, or by a profile those of rate 1 put through its inverse."""
    draw, shape = _OFFSETS[race.arrivals], race.shape
    if shape is None:
        yield from draw(random, race.rate, race.slice)
        return
    start_s = pair * race.slice
    before, after = shape.requests_by(np.array([start_s, (pair + 1) * race.slice])).tolist()
    for counted in (_each if shape.is_exact else draw)(random, 1.0, after - before):
        yield np.clip(shape.times_of(before + counted) - start_s, 0.0, race.slice)


def times_of_user(
    race: RaceConfig, shape: LoadProfile, seed: Sequence[int], number: int | None, from_s: float
) -> Iterator[float]:
    """Yield when a user of plain Locust sends, for ever, in seconds of the profile.

    Each of race.connections users makes its share: what all make is the profile. `number` says
    which share of a log's requests, or of even distances, is this one's; None leaves it to chance.
    """
    random, users = np.random.default_rng(list(seed)), float(race.connections)
    reached = float(shape.requests_by(from_s))
    by_chance = race.arrivals == "poisson" and not shape.is_exact
    if not by_chance:
        first = random.integers(race.connections) if number is None else number
        reached += (first - reached) % users - users
    while True:
        steps = random.exponential(users, _FEW) if by_chance else np.full(_FEW, users)
        counted = reached + np.cumsum(steps)
        reached = float(counted[-1])
        yield from shape.times_of(counted).tolist()


def _each(_: np.random.Generator, rate: float, count: float) -> Iterator[NDArray[np.float64]]:
    for first in range(0, round(count), _BLOCK):
        yield np.arange(first, min(first + _BLOCK, round(count))) / rate


def _poisson(
    random: np.random.Generator, rate: float, duration_s: float
) -> Iterator[NDArray[np.float64]]:
    last_s = 0.0
    while last_s < duration_s:
        times = last_s + np.cumsum(random.exponential(1 / rate, _BLOCK))
        last_s = float(times[-1])
        yield times[times < duration_s]


def _constant(
    random: np.random.Generator, rate: float, duration_s: float
) -> Iterator[NDArray[np.float64]]:
    phase = random.random()
    count = int(rate * duration_s)
    for first in range(0, count, _BLOCK):
        steps = np.arange(first, min(first + _BLOCK, count), dtype=np.float64)
        yield np.asarray((steps + phase) / rate, np.float64)


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
