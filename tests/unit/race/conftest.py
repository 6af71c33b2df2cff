"""Races that several tests look at from different sides, run once a session and side by side."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.support.delaying_proxy import Proxy, delaying
from tests.support.races import DATASET, OF_THE_MACHINE, Raced, racing, sections
from tests.support.stand_in import StandIn, response

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ADDED_S = 0.1
FAILS_ONE_IN = 50
PAIRS = 6

# Long answers beside what a busy machine adds, and enough of them for a p95 in every slice.
_ENOUGH = {"pairs": PAIRS, "slice": 0.75, "warmup": 0.15, "rate": 160, "connections": 64}
_ATTEMPTS = 3


@dataclass
class Staged:
    """A race and the servers it is run against; the proxy's notes are there once it is over."""

    raced: Raced
    server: StandIn
    proxy: Proxy | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def over(self) -> Staged:
        with self._stack:
            self.raced.wait()
        return self

    @property
    def served_by_proxy(self) -> Proxy:
        assert self.proxy is not None
        return self.proxy


@dataclass(frozen=True)
class KnownOutcomes:
    """Races of which it is known how they must come out."""

    alike: Staged
    """Both names lead to one server."""
    delayed: Staged
    """The challenger is the same server behind a proxy that takes ADDED_S longer."""
    failing: Staged
    """The challenger is far faster, but fails at once one time in FAILS_ONE_IN."""


def alike(place: Path, stack: ExitStack) -> Staged:
    server = stack.enter_context(taking(long_tailed(1)).serving())
    return Staged(_start(place, stack, server.url, server.url), server)


def delayed(place: Path, stack: ExitStack) -> Staged:
    server = stack.enter_context(taking(long_tailed(2)).serving())
    proxy = stack.enter_context(delaying(server.port, ADDED_S))
    return Staged(_start(place, stack, server.url, proxy.url), server, proxy)


def failing(place: Path, stack: ExitStack) -> Staged:
    slow = stack.enter_context(taking(long_tailed(3)).serving())
    server = stack.enter_context(StandIn(DATASET, misbehave=_failing_at_times).serving())
    return Staged(_start(place, stack, slow.url, server.url), server)


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownOutcomes:
    def stage(make: Callable[[Path, ExitStack], Staged]) -> Staged:
        place = tmp_path_factory.mktemp(make.__name__)
        with ExitStack() as stack:
            staged = make(place, stack)
            staged._stack = stack.pop_all()
        return staged

    same, slower, faulty = [stage(make) for make in (alike, delayed, failing)]
    for staged in (same, slower, faulty):
        staged.over()
    # A ratio may be wrong where the machine was too busy: such a run is made again by itself.
    for _ in range(_ATTEMPTS - 1):
        if slower.raced.failed_gates and slower.raced.failed_gates <= OF_THE_MACHINE:
            slower = stage(delayed).over()
    return KnownOutcomes(same, slower, faulty)


def _start(place: Path, stack: ExitStack, old: str, new: str) -> Raced:
    return stack.enter_context(racing(place, sections(old, new, **_ENOUGH), "--seed", "7"))


def long_tailed(seed: int) -> list[float]:
    """Return delays in seconds: 60 ms in the middle, p95 at 107 ms."""
    draw = random.Random(seed)
    return [0.06 * draw.lognormvariate(0, 0.35) for _ in range(4096)]


def taking(delays_s: list[float]) -> StandIn:
    return StandIn(DATASET, delay_s=lambda count: delays_s[count % len(delays_s)])


def _failing_at_times(count: int, body: dict[str, object]) -> bytes | None:
    return response({}, 503) if count % FAILS_ONE_IN == 0 else None
