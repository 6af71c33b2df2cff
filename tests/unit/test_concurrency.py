"""Work done at once ends at once, and for the reason that came first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dragstrip.concurrency import Stopped, StopSignal, all_of, for_each

if TYPE_CHECKING:
    from collections.abc import Iterator


class Failure(Exception):
    pass


def test_the_first_failure_is_raised_though_others_fail_when_they_are_woken() -> None:
    stop, woken = StopSignal(), threading.Event()
    stop.wakers = [woken.set]

    def work(name: str) -> None:
        if name == "first":
            raise Failure(name)
        woken.wait()
        raise Failure(name)

    def over_pages(name: str) -> None:
        # The second page fails before this thread's own failure is told.
        list(for_each([name, "woken"], work, at_once=2, stop=stop))

    with pytest.raises(Failure, match="first"):
        all_of(["first", "woken"], over_pages, stop)
    with pytest.raises(Stopped):
        stop.check()


def test_what_does_not_end_is_not_waited_for_for_ever() -> None:
    stop, released = StopSignal(), threading.Event()

    def work(name: str) -> None:
        if name == "fails":
            raise Failure
        released.wait()

    try:
        with pytest.raises(Failure):
            all_of(["fails", "hangs"], work, stop, grace_s=0.01)
    finally:
        released.set()


def test_whoever_wants_no_more_leaves_the_others_alone() -> None:
    stop = StopSignal()
    results = for_each(range(100), lambda number: number, at_once=2, stop=stop)
    assert next(results) == 0
    results.close()
    stop.check()
    assert list(for_each(range(3), lambda number: number, at_once=2, stop=stop)) == [0, 1, 2]


def test_items_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = for_each(items(), lambda number: number, at_once=2, stop=StopSignal())
    assert next(results) == 0
    assert len(taken) <= 6
    results.close()
