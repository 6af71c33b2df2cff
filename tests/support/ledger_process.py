"""Writes a ledger until it is killed or runs out of room; a program of its own.

Arguments: folder, then "for-ever" (prints a line once a segment is full, and goes on) or "no-room"
(the disk is full from the second segment on).
"""

from __future__ import annotations

import resource
import sys
from itertools import count
from pathlib import Path

import gevent

from dragstrip.ledger.rows import SEGMENT_ROWS, Outcome
from dragstrip.ledger.writer import Ledger
from dragstrip.load.collector import Collector

LATENCY_ROWS = 8


def main() -> None:
    ledger = Ledger(Path(sys.argv[1]), 3)
    collector = Collector(ledger, [], period_s=0.001)
    collector.start()
    if sys.argv[2] == "no-room":
        limit = 1024
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for number in count():
        # A few lookups are always in flight, as in a race.
        ledger.begin(number, -number, 5, 1, 1, 0, number)
        if number >= LATENCY_ROWS:
            past = number - LATENCY_ROWS
            ledger.end(past, past + 1, past + 2, Outcome.OK, 200, past, past, past, past, 1)
        if number % 512 == 0:
            gevent.sleep(0.0001)
        if number == SEGMENT_ROWS:
            print("a segment is full", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
