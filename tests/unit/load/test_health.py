"""What the health monitor says of the event loop and the wall clock."""

from __future__ import annotations

import time

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.load.health import (
    APPOINTMENT_NS,
    ClockWatch,
    HealthMonitor,
    LoopWatch,
    Reading,
    read_clocks,
)

MS = 1_000_000


def clock_step_ms(offsets_ns: list[int], *, window_ns: int = 0) -> float:
    """Return the step seen in readings 20 ms apart of a wall clock so far ahead of the other."""
    readings = [
        Reading(place * APPOINTMENT_NS, place * APPOINTMENT_NS + offset, window_ns)
        for place, offset in enumerate(offsets_ns)
    ]
    watch = ClockWatch(readings[0])
    for reading in readings[1:]:
        watch.look(reading)
    return watch.step_ns / 1e6


@given(st.lists(st.integers(-9_990, 9_990), max_size=200))
def test_a_clock_that_is_slewed_takes_no_step(moves_ns: list[int]) -> None:
    # adjtime(3) moves a clock by at most 500 parts per million: 10 us in 20 ms.
    offsets = [sum(moves_ns[:place]) for place in range(len(moves_ns) + 1)]
    assert clock_step_ms(offsets) == 0


@pytest.mark.parametrize("step_ms", [-3_600_000, -5, 1, 2000])
def test_the_largest_step_is_reported_whichever_way_it_goes(step_ms: int) -> None:
    smaller = [0, 500_000, 200_000]
    after = smaller[-1] + step_ms * MS
    assert clock_step_ms([0, *smaller, after, after]) == abs(step_ms)


def test_a_reading_that_was_interrupted_is_no_step() -> None:
    assert clock_step_ms([0, 700_000, 0], window_ns=800_000) == 0
    assert clock_step_ms([0, 900_000, 0], window_ns=800_000) == pytest.approx(0.9)


def test_appointments_that_the_loop_slept_through_count_each() -> None:
    watch = LoopWatch(0)
    for place in range(100):
        watch.look(place * APPOINTMENT_NS + MS)
    p99_ms, max_ms = watch.p99_and_max_ms()
    assert p99_ms == pytest.approx(1, rel=0.001)
    assert max_ms == pytest.approx(1, rel=0.001)

    # Silent for 500 ms: of 125 appointments 25 were late, by 0, 20, ... 480 ms.
    watch.look(124 * APPOINTMENT_NS)
    p99_ms, max_ms = watch.p99_and_max_ms()
    assert max_ms == 480
    assert p99_ms == pytest.approx(460, rel=0.001)
    assert watch.next_ns == 125 * APPOINTMENT_NS


@given(st.lists(st.integers(0, 5 * APPOINTMENT_NS), max_size=300))
def test_each_appointment_is_counted_once(pauses_ns: list[int]) -> None:
    watch = LoopWatch(APPOINTMENT_NS)
    now_ns = 0
    for pause_ns in pauses_ns:
        now_ns += pause_ns
        watch.look(now_ns)
        assert watch.next_ns > now_ns
        assert watch.next_ns - now_ns <= APPOINTMENT_NS
    watch.p99_and_max_ms()
    assert watch._histogram.total == now_ns // APPOINTMENT_NS


def test_a_loop_that_is_held_up_shows() -> None:
    health = HealthMonitor()
    gevent.sleep(0.05)
    end_s = time.process_time() + 0.1
    while time.process_time() < end_s:
        pass
    gevent.sleep(0)
    seen = health.stop()

    assert seen["loop_lag_max_ms"] >= 100 - APPOINTMENT_NS / 1e6
    assert seen["loop_lag_p99_ms"] <= seen["loop_lag_max_ms"] * 1.001
    assert 0.1 <= seen["cpu_s"] <= seen["wall_s"] + 0.01
    assert seen["wall_s"] >= 0.15


def test_a_step_of_the_wall_clock_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead_ns = 0
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + ahead_ns)
    health = HealthMonitor(read_clocks)
    gevent.sleep(0.03)
    ahead_ns = -1_500 * MS
    gevent.sleep(0.03)
    ahead_ns = 0
    seen = health.stop()
    assert seen["clock_step_ms"] == pytest.approx(1500, rel=0.01)


def test_a_step_between_two_slices_shows_in_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead_ns = 0
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + ahead_ns)
    first = HealthMonitor(read_clocks)
    assert first.stop()["clock_step_ms"] == 0
    ahead_ns = 700 * MS
    second = HealthMonitor(read_clocks, before=first.last)
    assert second.stop()["clock_step_ms"] == pytest.approx(700, rel=0.01)
