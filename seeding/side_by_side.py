"""Threads for calls that wait for backends: several at once, stopped at the first failure."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):
    """Work was left undone because other work failed or the user interrupted."""


class Stop:
    """Tells every thread of one command to end after what it is doing."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask all to end."""
        self._event.set()

    def check(self) -> None:
        """Raise Stopped once somebody asked."""
        if self._event.is_set():
            raise Stopped


def for_each(
    items: Iterable[T], work: Callable[[T], R], *, at_once: int, stop: Stop
) -> Iterator[R]:
    """Yield the results of `work` in the items' order, a bounded number of items ahead.

    The first exception stops everything that shares `stop` and is raised here.
    """
    pending: deque[Future[R]] = deque()

    def checked(item: T) -> R:
        stop.check()
        return work(item)

    with ThreadPoolExecutor(at_once) as pool:
        try:
            for item in items:
                if len(pending) >= 2 * at_once:
                    yield pending.popleft().result()
                stop.check()
                pending.append(pool.submit(checked, item))
            while pending:
                yield pending.popleft().result()
        except BaseException:
            stop.set()
            raise


def all_of(items: Iterable[T], work: Callable[[T], R], stop: Stop) -> list[R]:
    """Return the results of `work`, all items at once; raise the first failure in time."""
    listed = list(items)
    with ThreadPoolExecutor(max(1, len(listed))) as pool:
        futures = [pool.submit(work, item) for item in listed]
        try:
            _raise_first_failure(futures)
        except BaseException:
            stop.set()
            raise
        return [future.result() for future in futures]


def _raise_first_failure(futures: list[Future[R]]) -> None:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            # Stopped is an echo of the failure, not the failure.
            if error is not None and not isinstance(error, Stopped):
                raise error
