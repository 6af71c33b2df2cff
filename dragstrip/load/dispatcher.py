"""Hands each request of a target to an idle connection when it is due, by one timer for all."""

from __future__ import annotations

from collections import OrderedDict
from heapq import heappush
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from gevent import getcurrent
from gevent.hub import get_hub

from dragstrip.ledger.rows import Flag
from dragstrip.load.schedule import Arrival, Schedule
from dragstrip.load.timer import NEVER_NS, Timer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.load.schedule import Pending


_NO_CONNECTION = int(Flag.NO_CONNECTION)


class Dispatcher:
    """One target's requests in this process, shared by its connections.

    A connection that asks for a request when one is overdue gets it at once; otherwise it joins
    the end of the queue of idle connections. One wake-up hands out all requests that are due.
    """

    def __init__(self) -> None:
        self._schedule = Schedule()
        self._idle: OrderedDict[Any, None] = OrderedDict()
        self._users = 0
        self._timer: Timer | None = None
        self._timer_ns = NEVER_NS
        self.pending: Pending = []
        """What is to be sent again, in whichever slice it falls due: a heap."""

    def again(self, due_ns: int, key: int, operation: int) -> None:
        """Send a request once more at a time; its answer does not count."""
        heappush(self.pending, (due_ns, key, operation))
        if self._idle and self._schedule.next_ns < self._timer_ns:
            self._wait_for_next()

    def load(self, schedule: Schedule) -> None:
        """Begin a slice."""
        self._schedule = schedule
        if self._idle:
            self._wait_for_next()

    def stop(self) -> None:
        """End the slice: what is due remains, nothing new is made up."""
        self._schedule.stop()

    @property
    def at_rest(self) -> bool:
        """Whether every request is taken, and every connection has finished its own."""
        return self._schedule.next_ns == NEVER_NS and self._users == len(self._idle)

    def overdue_ns(self, now_ns: int) -> int:
        """Return how long the next request has been waiting for a connection."""
        return max(now_ns - self._schedule.next_ns, 0)

    def abandon(self) -> Iterator[Arrival]:
        """Yield the requests that no connection has taken; no connection gets them any more."""
        left, self._schedule = self._schedule, Schedule()
        return left.rest()

    def enter(self) -> None:
        """Add a connection; until it leaves, it is busy whenever it does not wait in `take`."""
        self._users += 1

    def leave(self) -> None:
        """Remove a connection."""
        self._users -= 1

    def take(self) -> Arrival:
        """Block the calling greenlet until there is a request for it, and return that."""
        now_ns = monotonic_ns()
        schedule = self._schedule
        if schedule.next_ns <= now_ns:
            # An idle connection was idle before this was due, and would get it in a moment.
            return schedule.take(now_ns, 0 if self._idle else _NO_CONNECTION)
        user = getcurrent()
        self._idle[user] = None
        if schedule.next_ns < self._timer_ns:
            self._wait_for_next()
        try:
            arrival: Arrival = get_hub().switch()
        except BaseException:
            self._idle.pop(user, None)
            raise
        return arrival

    def withdraw(self, user: Any) -> bool:
        """Give no request to a greenlet that is idle; return whether it was."""
        return self._idle.pop(user, self) is None

    def close(self) -> None:
        """Give the timer back."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _wait_for_next(self) -> None:
        if self._timer is None:
            self._timer = Timer(self._hand_out)
        self._timer_ns = self._schedule.next_ns
        self._timer.set(self._timer_ns)

    def _hand_out(self) -> None:
        # Runs in the hub: each greenlet goes as far as it can without waiting, and comes back here.
        self._timer_ns = NEVER_NS
        idle = self._idle
        while idle:
            now_ns = monotonic_ns()
            if self._schedule.next_ns > now_ns:
                self._wait_for_next()
                return
            user, _ = idle.popitem(last=False)
            user.switch(self._schedule.take(now_ns, 0))
