"""One lookup: build the request, send it, judge the answer, keep the row."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dragstrip.ledger.rows import Outcome
from dragstrip.measure import server_timing
from dragstrip.measure.client import Client, SendFailed
from dragstrip.measure.judge import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.ledger.writer import Ledger
    from dragstrip.measure.lane import Arrival
    from dragstrip.targets import Request


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a lookup. Times are nanoseconds of the monotonic clock."""

    due_ns: int
    sent_ns: int
    done_ns: int
    outcome: Outcome
    status: int = 0
    size: int = 0
    query_us: int = server_timing.ABSENT
    total_us: int = server_timing.ABSENT
    detail: str = ""

    @property
    def response_ms(self) -> float:
        """Milliseconds from when the lookup was due."""
        return (self.done_ns - self.due_ns) / 1e6

    @property
    def failure(self) -> str | None:
        """Why it failed, in a few words that group well; None when the answer was right."""
        return None if self.outcome is Outcome.OK else self.outcome.reason(self.status)


def perform(
    arrival: Arrival,
    client: Client,
    request: Callable[[int], Request],
    expected: Callable[[int], bytes],
) -> Result:
    """Make one lookup now. Never raises for what a target does."""
    to_send = request(arrival.key)
    sent_ns = time.monotonic_ns()
    try:
        reply = client.send(to_send)
    except SendFailed as failed:
        return Result(
            arrival.due_ns,
            sent_ns,
            time.monotonic_ns(),
            failed.outcome,
            failed.status,
            detail=str(failed),
        )
    done_ns = time.monotonic_ns()
    outcome = judge(reply, expected(arrival.key))
    query_us, total_us = server_timing.read(reply.server_timing)
    return Result(
        arrival.due_ns,
        sent_ns,
        done_ns,
        outcome,
        reply.status,
        len(reply.body),
        query_us,
        total_us,
    )


def begin(ledger: Ledger, arrival: Arrival, target: int) -> int:
    """Write down a lookup that is about to be sent; return its row."""
    return ledger.begin(
        arrival.due_ns,
        arrival.key,
        arrival.slice_index,
        target,
        arrival.flags,
        0,
        time.monotonic_ns(),
    )


def end(ledger: Ledger, row: int, result: Result) -> None:
    """Complete a lookup's row."""
    ledger.end(
        row,
        result.sent_ns,
        result.done_ns,
        result.outcome,
        result.status,
        result.size,
        query_us=result.query_us,
        total_us=result.total_us,
    )


def give_up(ledger: Ledger, arrival: Arrival, target: int) -> None:
    """Write down an arrival that no slot was ever free for."""
    now_ns = time.monotonic_ns()
    row = begin(ledger, arrival, target)
    end(ledger, row, Result(arrival.due_ns, now_ns, now_ns, Outcome.UNSENT))
