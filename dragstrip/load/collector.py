"""Hands the ended rows of a ledger on, a few times a second and away from the hot path."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event
from gevent.lock import Semaphore

from dragstrip.errors import StorageError
from dragstrip.run.ipc import EXIT_UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.ledger.rows import Rows
    from dragstrip.ledger.writer import Ledger

log = logging.getLogger(__name__)

CHUNK_ROWS = 1024
"""Rows that are fed at once: a long computation would make requests late."""

_PAUSE_S = 0.0005


class Collector:
    """Feeds every row of a ledger that has ended to each feed, exactly once.

    Rows come in chunks of at most CHUNK_ROWS, and other greenlets run between chunks. It also keeps
    the ledger's next segment ready. When a feed fails or the disk is full, `on_error` is called in
    the collector's greenlet; without it the process ends with code 3.
    """

    def __init__(
        self,
        ledger: Ledger,
        feeds: Sequence[Callable[[Rows], None]],
        period_s: float = 0.25,
        *,
        on_error: Callable[[Exception], None] | None = None,
    ) -> None:
        self._ledger = ledger
        self._feeds = feeds
        self._period_s = period_s
        self._on_error = on_error or _end_process
        self._waiting: deque[Rows] = deque()
        self._feeding = Semaphore()
        self._stopping = Event()
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Begin to collect at regular intervals."""
        if self._greenlet is None:
            self._stopping.clear()
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop collecting, and feed what has ended by now."""
        if self._greenlet is not None:
            self._stopping.set()
            self._greenlet.join()
            self._greenlet = None
        self.collect()

    def collect(self) -> None:
        """Feed everything that has ended by now, and return when that is done."""
        for rows in self._ledger.harvest():
            for start in range(0, len(rows), CHUNK_ROWS):
                self._waiting.append(rows[start : start + CHUNK_ROWS])
        self._feed_one()
        while self._waiting:
            # A pause of no length would let ready greenlets run, but neither timers nor sockets.
            gevent.sleep(_PAUSE_S)
            self._feed_one()

    def tidy(self) -> None:
        """Compress or drop what is harvested, as the ledger's policy says; for between slices."""
        _in_thread(self._ledger.tidy)

    def _feed_one(self) -> None:
        # The lock makes a second collection wait for a chunk that another greenlet is at.
        with self._feeding:
            if self._waiting:
                rows = self._waiting.popleft()
                for feed in self._feeds:
                    feed(rows)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._period_s):
                self.collect()
                if self._ledger.needs_upkeep:
                    _in_thread(self._ledger.upkeep)
        except StorageError as error:
            log.critical("error: %s (fix: %s)", error.message, error.fix)
            self._on_error(error)
        except Exception as error:
            log.exception("the ledger cannot be collected")
            self._on_error(error)


def _in_thread(work: Callable[[], None]) -> None:
    """Let this greenlet wait for a thread. Raises what it raises, which gevent would print."""

    def attempt() -> StorageError | None:
        try:
            work()
        except StorageError as error:
            return error
        return None

    problem = gevent.get_hub().threadpool.apply(attempt)
    if problem is not None:
        raise problem


def _end_process(_: Exception) -> None:
    # Raised in any greenlet, this ends the main one.
    raise SystemExit(EXIT_UNFINISHED)
