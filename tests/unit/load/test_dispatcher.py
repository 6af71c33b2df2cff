"""When users get their lookups: every one once, in time, and whatever becomes of the users."""

from __future__ import annotations

import itertools
from collections import Counter
from time import monotonic_ns
from typing import TYPE_CHECKING

import gevent
import numpy as np
import pytest
from gevent.event import Event
from gevent.hub import get_hub
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.ledger.rows import Flag
from dragstrip.load.arrivals import Arrivals
from dragstrip.load.closed_pacing import ClosedPacing
from dragstrip.load.dispatcher import Dispatcher
from dragstrip.load.schedule import Closed, Open, Span, WithRepeats
from dragstrip.load.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.load.schedule import Arrival

MS = 1_000_000
LONG_S = 30


class Users:
    """Greenlets that take lookups of a dispatcher and are busy with each for a while."""

    def __init__(self, dispatcher: Dispatcher, count: int, busy_s: float = 0.0) -> None:
        self.taken: list[tuple[int, Arrival, int]] = []
        self.iterations: list[int] = []
        self._dispatcher = dispatcher
        self._busy_s = busy_s
        self.greenlets = [gevent.spawn(self._run, number) for number in range(count)]
        gevent.sleep(0)

    def wait_for(self, count: int) -> None:
        with gevent.Timeout(LONG_S):
            while len(self.taken) < count or not self._dispatcher.at_rest:
                gevent.sleep(0.001)

    def _run(self, number: int) -> None:
        self._dispatcher.enter()
        try:
            while True:
                arrival = self._dispatcher.take()
                self.taken.append((number, arrival, monotonic_ns()))
                self.iterations.append(get_hub().loop.iteration)
                gevent.sleep(self._busy_s)
        finally:
            self._dispatcher.leave()

    def end(self) -> None:
        gevent.killall(self.greenlets)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    one = Dispatcher()
    yield one
    one.close()


def due_at(
    offsets_ns: Sequence[int], *, start_ns: int | None = None, settle_ns: int = 0, block: int = 4
) -> Open:
    start = monotonic_ns() if start_ns is None else start_ns
    offsets = np.array(offsets_ns, np.int64)
    whole = Arrivals(offsets, np.arange(len(offsets)), np.arange(len(offsets), dtype=np.uint8) % 3)
    blocks = [
        Arrivals(whole.offsets_ns[part], whole.keys[part], whole.operations[part])
        for part in (slice(i, i + block) for i in range(0, len(whole), block))
    ]
    return Open(blocks, Span(4, start, start + settle_ns, start + 1_000_000 * MS))


@settings(max_examples=25, deadline=None)
@given(
    offsets=st.lists(st.integers(0, 20 * MS), max_size=30).map(sorted),
    users=st.integers(1, 8),
    busy_ms=st.sampled_from([0, 1, 3]),
)
def test_every_lookup_is_handed_out_once_in_order_and_never_early(
    offsets: list[int], users: int, busy_ms: int
) -> None:
    dispatcher = Dispatcher()
    workers = Users(dispatcher, users, busy_ms / 1000)
    start_ns = monotonic_ns() + MS
    dispatcher.load(due_at(offsets, start_ns=start_ns, settle_ns=10 * MS))
    workers.wait_for(len(offsets))
    workers.end()
    dispatcher.close()

    assert [arrival[1] for _, arrival, _ in workers.taken] == list(range(len(offsets)))
    assert [arrival[0] - start_ns for _, arrival, _ in workers.taken] == offsets
    assert all(at_ns >= arrival[0] for _, arrival, at_ns in workers.taken)
    for _, (scheduled_ns, key, slice_index, flags, operation), _ in workers.taken:
        assert slice_index == 4
        assert operation == key % 3
        assert bool(flags & Flag.COUNTED) == (scheduled_ns - start_ns >= 10 * MS)


def test_idle_users_take_turns(dispatcher: Dispatcher) -> None:
    users = Users(dispatcher, 3)
    for _ in range(3):
        dispatcher.load(due_at([0, 5 * MS, 10 * MS]))
        users.wait_for(0)
    users.end()
    assert [number for number, _, _ in users.taken] == [0, 1, 2] * 3


def test_all_that_is_due_is_handed_out_by_one_turn_of_the_event_loop(
    dispatcher: Dispatcher,
) -> None:
    users = Users(dispatcher, 5)
    start_ns = monotonic_ns()
    dispatcher.load(due_at([MS, 2 * MS, 3 * MS], start_ns=start_ns))
    while monotonic_ns() < start_ns + 5 * MS:
        pass
    users.wait_for(3)
    users.end()

    assert len(set(users.iterations)) == 1
    # The loop was late for them, but connections were free.
    assert all(arrival[3] & Flag.NO_CONNECTION == 0 for _, arrival, _ in users.taken)


def test_a_lookup_that_finds_no_user_waits_keeps_its_due_time_and_says_so(
    dispatcher: Dispatcher,
) -> None:
    users = Users(dispatcher, 1, busy_s=0.02)
    start_ns = monotonic_ns()
    dispatcher.load(due_at([0, MS, 200 * MS], start_ns=start_ns))
    users.wait_for(3)
    users.end()

    assert [arrival[3] & Flag.NO_CONNECTION for _, arrival, _ in users.taken] == [
        0,
        Flag.NO_CONNECTION,
        0,
    ]
    _, (scheduled_ns, *_), at_ns = users.taken[1]
    assert scheduled_ns == start_ns + MS
    assert at_ns - scheduled_ns >= 10 * MS


def test_a_user_that_is_killed_while_idle_gets_nothing_and_takes_nothing_with_it(
    dispatcher: Dispatcher,
) -> None:
    users = Users(dispatcher, 3)
    gevent.kill(users.greenlets[0])
    dispatcher.load(due_at([0, MS, 2 * MS, 3 * MS]))
    users.wait_for(4)
    users.end()
    takers = [number for number, _, _ in users.taken]
    # Who is idle by the third depends on how busy the machine is.
    assert takers[:2] == [1, 2]
    assert set(takers) == {1, 2}
    assert [arrival[1] for _, arrival, _ in users.taken] == [0, 1, 2, 3]


def test_the_dispatcher_is_not_at_rest_while_a_user_is_busy_even_if_that_is_killed(
    dispatcher: Dispatcher,
) -> None:
    users = Users(dispatcher, 1, busy_s=LONG_S)
    assert dispatcher.at_rest
    dispatcher.load(due_at([0]))
    assert not dispatcher.at_rest
    with gevent.Timeout(LONG_S):
        while not users.taken:
            gevent.sleep(0.001)
    assert not dispatcher.at_rest
    users.end()
    assert dispatcher.at_rest


def test_a_user_that_was_withdrawn_is_never_woken(dispatcher: Dispatcher) -> None:
    users = Users(dispatcher, 2)
    first = users.greenlets[0]
    assert dispatcher.withdraw(first)
    assert not dispatcher.withdraw(first)
    dispatcher.load(due_at([0, MS]))
    with gevent.Timeout(LONG_S):
        while len(users.taken) < 2:
            gevent.sleep(0.001)
    users.end()
    assert [number for number, _, _ in users.taken] == [1, 1]


def test_what_is_abandoned_is_yielded_once_and_no_user_gets_it(dispatcher: Dispatcher) -> None:
    dispatcher.load(due_at([0, 0, 5 * MS]))
    left = dispatcher.abandon()
    users = Users(dispatcher, 1)
    rest = list(left)
    gevent.sleep(0.01)
    users.end()

    assert users.taken == []
    assert [key for _, key, *_ in rest] == [0, 1, 2]
    assert [operation for *_, operation in rest] == [0, 1, 2]
    assert all(flags == Flag.NO_CONNECTION | Flag.COUNTED for *_, flags, _ in rest)
    assert list(dispatcher.abandon()) == []


def test_the_closed_model_has_a_lookup_for_whoever_is_free_until_it_stops(
    dispatcher: Dispatcher,
) -> None:
    users = Users(dispatcher, 3, busy_s=0.001)
    start_ns = monotonic_ns() + 5 * MS
    span = Span(2, start_ns, start_ns + 10 * MS, start_ns + 20 * MS)
    dispatcher.load(Closed(((key, key % 2, 0) for key in itertools.count()), span))
    with gevent.Timeout(LONG_S):
        while monotonic_ns() < start_ns + 25 * MS:
            gevent.sleep(0.001)
    dispatcher.stop()
    users.wait_for(0)
    sent = len(users.taken)
    gevent.sleep(0.01)
    users.end()

    assert len(users.taken) == sent
    assert [arrival[1] for _, arrival, _ in users.taken] == list(range(sent))
    assert users.taken[0][2] >= start_ns
    assert set(Counter(number for number, _, _ in users.taken)) == {0, 1, 2}
    for _, (scheduled_ns, key, _, flags, operation), at_ns in users.taken:
        assert scheduled_ns <= at_ns
        assert operation == key % 2
        assert flags in {0, Flag.COUNTED}
        assert bool(flags) == (span.counted_from_ns <= scheduled_ns < span.end_ns)


def test_a_pace_of_ones_own_spaces_lookups_and_does_not_make_up_for_missed_ones() -> None:
    pace = ClosedPacing(itertools.count(), per_s=100, operations=itertools.cycle([0, 1]))
    due = [pace.take() for _ in range(4)]
    gaps = np.diff([arrival[0] for arrival in due])
    assert [arrival[1:] for arrival in due] == [(key, -1, 0, key % 2) for key in range(4)]
    # A late start is not followed by an early one by more than it was late.
    assert sum(gaps) >= 30 * MS

    gevent.sleep(0.1)
    before_ns = monotonic_ns()
    pace.take()
    pace.take()
    assert monotonic_ns() - before_ns >= 10 * MS


def test_without_a_rate_closed_pacing_never_waits() -> None:
    pace = ClosedPacing(itertools.count(), per_s=0)
    before = get_hub().loop.iteration
    assert [pace.take()[1] for _ in range(100)] == list(range(100))
    assert get_hub().loop.iteration == before


@pytest.mark.parametrize("precise", [True, False])
def test_a_timer_never_rings_early_and_only_when_set(precise: bool) -> None:
    rung: list[tuple[int, int]] = []
    over = Event()
    pauses = iter([0, 300_000, 1, 2 * MS, 20_000, 5 * MS])
    scheduled_ns = 0

    def ring() -> None:
        rung.append((scheduled_ns, monotonic_ns()))
        set_next()

    def set_next() -> None:
        nonlocal scheduled_ns
        pause_ns = next(pauses, None)
        if pause_ns is None:
            over.set()
        else:
            scheduled_ns = monotonic_ns() + pause_ns
            timer.set(scheduled_ns)

    timer = Timer(ring, precise=precise)
    set_next()
    assert over.wait(LONG_S)
    gevent.sleep(0.01)
    assert len(rung) == 6
    assert all(at_ns >= due for due, at_ns in rung)

    timer.set(monotonic_ns() + 2 * MS)
    timer.set(monotonic_ns() - MS)
    gevent.sleep(0.01)
    assert len(rung) == 7
    timer.set(monotonic_ns() + MS)
    timer.clear()
    gevent.sleep(0.01)
    timer.close()
    assert len(rung) == 7


def test_what_is_sent_again_comes_when_it_is_due_and_does_not_count() -> None:
    dispatcher = Dispatcher()
    users = Users(dispatcher, 2)
    start_ns = monotonic_ns() + 5 * MS
    offsets = np.arange(4, dtype=np.int64) * 10 * MS
    arrivals = Arrivals(offsets, np.arange(4), np.zeros(4, np.uint8))
    span = Span(3, start_ns, start_ns, start_ns + LONG_S * 10**9)
    dispatcher.load(WithRepeats(Open([arrivals], span), dispatcher.pending, 3))
    dispatcher.again(start_ns + 15 * MS, 77, 1)
    users.wait_for(5)
    taken = [
        (key, slice_, flags, operation) for _, (_, key, slice_, flags, operation), _ in users.taken
    ]
    assert sorted(taken) == [
        *((key, 3, Flag.COUNTED, 0) for key in range(4)),
        (77, 3, Flag.AGAIN, 1),
    ]
    assert [key for key, *_ in taken] == [0, 1, 77, 2, 3]
    assert all(at_ns >= arrival[0] for _, arrival, at_ns in users.taken)


def test_what_is_sent_again_outlives_its_slice_and_holds_up_none() -> None:
    dispatcher = Dispatcher()
    users = Users(dispatcher, 1)
    nothing = Arrivals(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint8))
    span = Span(0, 0, 0, 10**9)
    dispatcher.load(WithRepeats(Open([nothing], span), dispatcher.pending, 0))
    dispatcher.again(monotonic_ns() + LONG_S * 10**9, 5, 0)
    assert not dispatcher.at_rest
    dispatcher.stop()
    assert dispatcher.at_rest
    assert list(dispatcher.abandon()) == []
    dispatcher.pending[0] = (0, 5, 0)
    dispatcher.load(WithRepeats(Open([nothing], span), dispatcher.pending, 1))
    users.wait_for(1)
    assert [arrival[1:4] for _, arrival, _ in users.taken] == [(5, 1, Flag.AGAIN)]
