import numpy as np

from dragstrip.ledger.rows import Flag
from dragstrip.measure.arrivals import Arrivals
from dragstrip.measure.lane import Lane

START = 1_000


def lane_of(offsets: list[int], *, counted_from_ns: int | None) -> Lane:
    lane = Lane()
    arrivals = Arrivals(np.array(offsets, np.int64), np.arange(len(offsets), dtype=np.int64))
    lane.load(arrivals, slice_index=4, start_ns=START, counted_from_ns=counted_from_ns)
    return lane


def test_arrivals_are_handed_out_once_in_the_order_they_are_due() -> None:
    lane = lane_of([0, 10, 20], counted_from_ns=START + 10)
    taken = [lane.take(0) for _ in range(4)]

    assert taken[3] is None
    assert [(a.due_ns, a.key, a.slice_index, a.flags) for a in taken if a] == [
        (1000, 0, 4, 0),
        (1010, 1, 4, Flag.COUNTED),
        (1020, 2, 4, Flag.COUNTED),
    ]


def test_an_arrival_taken_late_says_that_there_was_no_slot() -> None:
    lane = lane_of([0, 10], counted_from_ns=START)
    late, in_time = lane.take(START + 5), lane.take(START + 5)
    assert late is not None
    assert in_time is not None
    assert late.flags == Flag.COUNTED | Flag.NO_SLOT
    assert in_time.flags == Flag.COUNTED


def test_a_lane_is_idle_once_everything_taken_is_done() -> None:
    lane = lane_of([0, 10], counted_from_ns=None)
    lane.take(0)
    lane.take(0)
    assert not lane.idle
    lane.done()
    assert not lane.idle
    lane.done()
    assert lane.idle


def test_giving_up_yields_what_no_slot_took() -> None:
    lane = lane_of([0, 10, 20], counted_from_ns=None)
    lane.take(0)
    assert [arrival.key for arrival in lane.abandon()] == [1, 2]
    assert lane.take(0) is None
    assert not lane.idle
    lane.done()
    assert lane.idle


def test_the_idle_targets_arrivals_never_count() -> None:
    lane = lane_of([0, 10], counted_from_ns=None)
    assert {arrival.flags for arrival in (lane.take(0), lane.take(0)) if arrival} == {0}
