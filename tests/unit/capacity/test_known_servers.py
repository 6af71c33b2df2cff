"""Real searches of servers whose capacity is known: `dragstrip capacity`, as a user runs it."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from dragstrip.analysis.capacity import trials_of
from dragstrip.report import capacity as words
from dragstrip.stats.edge import edge
from dragstrip.stats.paired_edges import difference
from tests.support.known_capacity import Cliff, ServerQueue, TokenBucket
from tests.support.searches import searching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.analysis.capacity_model import Capacity, CapacityTarget
    from tests.support.known_capacity import Carrier

PER_S = 300.0
QUICKLY = ("--slice", "0.6", "--rounds", "8", "--from", "60", "--to", "800")
PAIRS: dict[str, tuple[Carrier, Carrier]] = {
    "limits": (TokenBucket(PER_S, PER_S / 15), ServerQueue(12, 12 / PER_S)),
    "cliffs": (Cliff(PER_S, PER_S, rests_s=0.8), Cliff(PER_S, 0.25 * PER_S)),
}


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Capacity]]:
    """Search both pairs side by side: most of a search is waiting."""
    place = tmp_path_factory.mktemp("known")
    with ExitStack() as stack:
        found = _search(stack, place, PAIRS)
        # A hiccup of a busy machine may leave an end open, which the search says, or let the server
        # that has hysteresis recover: look again, once.
        unclear = [name for name, one in found.items() if _is_unclear(name, one)]
        yield found | _search(stack, place / "again", {name: PAIRS[name] for name in unclear})


def _search(
    stack: ExitStack, place: Path, pairs: dict[str, tuple[Carrier, Carrier]]
) -> dict[str, Capacity]:
    started = {
        name: stack.enter_context(searching(place / name, carriers, *QUICKLY, slo_ms=100))
        for name, carriers in pairs.items()
    }
    for one in started.values():
        assert one.code == 0, one.said
        assert not any(server.in_flight for server in one.servers)
    return {name: one.capacity for name, one in started.items()}


def _is_unclear(name: str, found: Capacity) -> bool:
    has_open_end = any(None in {one.low, one.high} for one in found.targets.values())
    return has_open_end or (name == "cliffs" and not sides(found)[1].remarks)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("side", ["baseline", "challenger"])
def test_the_interval_holds_what_a_server_carries(
    searches: dict[str, Capacity], name: str, side: str
) -> None:
    one = searches[name].targets[side]
    assert one.low is not None
    assert one.high is not None
    assert one.low <= PER_S <= one.high
    # A server of a busy machine has its hiccups, and one of them breaks a slice.
    assert one.capacity_per_s == pytest.approx(PER_S, rel=0.4)


def test_equal_servers_are_not_told_apart(searches: dict[str, Capacity]) -> None:
    for found in searches.values():
        assert found.verdict == "inconclusive"
        assert found.low is not None
        assert found.high is not None
        assert found.low <= 1 <= found.high


def test_a_rate_limit_is_a_finding(searches: dict[str, Capacity]) -> None:
    bucket, queue = sides(searches["limits"])
    assert bucket.limited_by == "target-limit"
    assert bucket.limit_per_s == pytest.approx(PER_S, rel=0.25)
    assert words.limit(bucket).startswith("limited at about ")
    assert queue.limited_by == "objective"


def test_what_is_printed_can_be_computed_again_from_what_is_stored(
    searches: dict[str, Capacity],
) -> None:
    for found in searches.values():
        trials = [trials_of(found.slices, name) for name in (found.baseline, found.challenger)]
        for one, target in zip(trials, sides(found), strict=True):
            again = edge(one)
            assert again is not None
            stored = (target.capacity_per_s, target.low, target.high)
            assert stored == tuple(map(math.exp, (again.value, again.low, again.high)))
        ratio = difference(*trials)
        assert ratio is not None
        assert found.ratio == math.exp(ratio.value)


def test_hysteresis_is_said_of_the_server_that_has_it(searches: dict[str, Capacity]) -> None:
    steep, stuck = sides(searches["cliffs"])
    assert steep.remarks == []
    (remark,) = stuck.remarks
    assert remark.startswith("hysteresis: once overloaded, it ")
    assert stuck.recovers_at_per_s is None or stuck.recovers_at_per_s < 0.6 * PER_S


def test_a_server_that_recovers_slowly_is_waited_for(searches: dict[str, Capacity]) -> None:
    rests = [
        one.kept >= 0.5
        for one in searches["cliffs"].slices
        if (one.target, one.phase) == ("baseline", "recovery")
    ]
    assert not all(rests)
    assert rests[-1]


def sides(found: Capacity) -> tuple[CapacityTarget, CapacityTarget]:
    return found.targets[found.baseline], found.targets[found.challenger]
