"""Threads for calls that wait for backends: several at once, stopped at the first failure."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

GRACE_S = 10.0


class Stopped(Exception):
    """Work was left undone because other work failed or the user interrupted."""


class StopSignal:
    """Tells every thread of one command to end after what it is doing.

    `wakers` are called as well, once: they end waits that would take their time.
    """

    def __init__(self) -> None:
        self.cause: BaseException | None = None
        self.wakers: list[Callable[[], object]] = []
        self._event = threading.Event()
        self._lock = threading.Lock()

    def set(self, cause: BaseException) -> None:
        """Ask all to end, because of what was raised first."""
        with self._lock:
            if self._event.is_set():
                return
            self.cause = cause
            self._event.set()
        for wake in self.wakers:
            wake()

    def check(self) -> None:
        """Raise Stopped once somebody asked."""
        if self._event.is_set():
            raise Stopped


def paced(items: Iterable[T], per_s: float) -> Iterator[T]:
    """Yield items no faster than so many a second; time that was lost is not made up for."""
    due_s = time.monotonic()
    for item in items:
        time.sleep(max(0.0, due_s - time.monotonic()))
        yield item
        due_s = max(due_s, time.monotonic()) + 1 / per_s


def for_each(
    items: Iterable[T], work: Callable[[T], R], *, at_once: int, stop: StopSignal
) -> Generator[R, None, None]:
    """Yield the results of `work` in the items' order, a bounded number of items ahead.

    The first exception stops everything that shares `stop` and is raised here. A caller that
    wants no more results closes the iterator: that leaves the others alone.
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
        except GeneratorExit:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        except BaseException as error:
            stop.set(error)
            raise


def all_of(
    items: Iterable[T], work: Callable[[T], R], stop: StopSignal, *, grace_s: float = GRACE_S
) -> list[R]:
    """Return the results of `work`, all items at once; raise the first failure in time.

    What still runs after a failure or an interrupt has `grace_s` to end: a call to a backend that
    does not answer may take longer, and nothing waits for it.
    """
    listed = list(items)
    pool = ThreadPoolExecutor(max(1, len(listed)))
    try:
        futures = [pool.submit(work, item) for item in listed]
        try:
            _raise_first_failure(futures, stop)
        except BaseException as error:
            stop.set(error)
            wait(futures, timeout=grace_s)
            raise
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _raise_first_failure(futures: list[Future[R]], stop: StopSignal) -> None:
    pending = set(futures)
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            # Stopped is an echo of the failure, and a call that was woken may fail as well.
            if error is not None and not isinstance(error, Stopped):
                raise stop.cause or error
