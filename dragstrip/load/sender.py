"""The hot loop of a connection: next arrival, row, request, answer, verdict on it, row. Again.

All that happens between a request's due time and its row's end is called from here.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Protocol

import gevent

from dragstrip.ledger.rows import ABSENT, Outcome
from dragstrip.load.http import server_timing
from dragstrip.load.http.client import SendFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.ledger.writer import Ledger
    from dragstrip.load.http.client import Client
    from dragstrip.load.http.request import Prepared
    from dragstrip.load.schedule import Arrival
    from dragstrip.scenario import Check, Request

_NO_TIMING = (server_timing.ABSENT, server_timing.ABSENT)
_UNSENT = int(Outcome.UNSENT)
_LONGEST_US = 2**31 - 1


class Pacing(Protocol):
    """Decides when a connection makes its next request."""

    def enter(self) -> None:
        """Add a connection."""

    def leave(self) -> None:
        """Remove a connection."""

    def take(self) -> Arrival:
        """Block the calling greenlet until there is a request for it, and return that."""

    def withdraw(self, user: Any) -> bool:
        """Let a greenlet that waits in `take` never come out of it; return whether it did."""


class Sender:
    """The loop of one connection. `number` and `target` go into its rows.

    `requests` and `checks` have one for each operation, by its number: what makes the request of a
    key, and what decides whether the answer is right. `failed` hears of each request that was sent
    and got no answer: operation, key, outcome.
    """

    __slots__ = (
        "_checks",
        "_client",
        "_failed",
        "_ledger",
        "_number",
        "_pace",
        "_requests",
        "_stopping",
        "_target",
    )

    def __init__(
        self,
        pace: Pacing,
        ledger: Ledger,
        client: Client,
        requests: Sequence[Callable[[int], Request | Prepared]],
        checks: Sequence[Check],
        *,
        target: int,
        number: int,
        failed: Callable[[int, int, int], None] | None = None,
    ) -> None:
        self._stopping = False
        self._failed = failed
        self._pace = pace
        self._ledger = ledger
        self._client = client
        self._requests = requests
        self._checks = checks
        self._target = target
        self._number = number & 0xFFFF

    def run(self) -> None:
        """Make requests until stopped. Raises what the scenario's `request` and check raise.

        Killed in the middle of a request, it leaves the row in flight: its outcome is unknown.
        """
        self._pace.enter()
        try:
            self._loop()
        finally:
            self._pace.leave()

    def stop(self, user: Any) -> bool:
        """Begin no other request; return whether its greenlet waits for one, now for ever."""
        self._stopping = True
        return self._pace.withdraw(user)

    def _loop(self) -> None:
        # Names bound here are found faster than attributes.
        client, requests, checks = self._client, self._requests, self._checks
        take, send = self._pace.take, client.send
        begin, end = self._ledger.begin, self._ledger.end
        target, number = self._target, self._number
        while not self._stopping:
            scheduled_ns, key, slice_index, flags, operation = take()
            now_ns = monotonic_ns()
            row = begin(scheduled_ns, key, slice_index, target, flags, number, now_ns, operation)
            try:
                reply = send(requests[operation](key))
            except SendFailed as failed:
                self._end_failed(row, now_ns, failed)
                if self._failed and failed.outcome is not Outcome.UNSENT:
                    self._failed(operation, key, failed.outcome)
                continue
            except Exception:
                # The scenario could not build it. Locust reports what is raised; a request that was
                # killed stays in flight.
                end(row, now_ns, monotonic_ns(), _UNSENT)
                raise
            sent_ns = client.sent_ns
            first_byte_us = (client.first_byte_ns - sent_ns) // 1000
            query_us, total_us = (
                server_timing.read(reply.server_timing) if reply.server_timing else _NO_TIMING
            )
            end(
                row,
                sent_ns,
                client.done_ns,
                checks[operation](key, reply),
                reply.status,
                len(reply.body),
                # Cheaper than a call of min().
                first_byte_us if first_byte_us < _LONGEST_US else _LONGEST_US,  # noqa: FURB136
                query_us,
                total_us,
                client.opened,
                client.reconnected,
            )

    def _end_failed(self, row: int, begun_ns: int, failed: SendFailed) -> None:
        client = self._client
        if failed.outcome is Outcome.UNSENT:
            # What the client knows is of the request before.
            self._ledger.end(row, begun_ns, monotonic_ns(), _UNSENT)
        else:
            sent_ns = client.sent_ns or begun_ns
            first_byte_ns = client.first_byte_ns
            self._ledger.end(
                row,
                sent_ns,
                monotonic_ns(),
                failed.outcome,
                failed.status,
                first_byte_us=(
                    min((first_byte_ns - sent_ns) // 1000, _LONGEST_US) if first_byte_ns else ABSENT
                ),
                opened=client.opened,
                reconnected=client.reconnected,
            )
        # What fails without waiting, like a connection that is refused, would keep others waiting.
        gevent.sleep(0)
