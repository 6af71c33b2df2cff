"""Does a process grow that makes lookups for hours? What keeps anything of them, without sockets.

    python -m benchmarks.memory LOOKUPS FIRST    # prints {"rss_bytes": {"N": …}, "took_s": …}

Every lookup goes through the real ledger (on disk, full segments dropped), the judge's table, the
collector, the slices' tallies and Locust's statistics; only its times and its answer are made up.
A million keys are looked up, so that the judge's table fills. Memory is looked at after FIRST
lookups and at the end.
"""

from __future__ import annotations

import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
from locust.stats import RequestStats

from dragstrip.ledger.rows import Flag
from dragstrip.ledger.writer import Ledger
from dragstrip.load.collector import Collector
from dragstrip.load.locust_stats import LocustStats
from dragstrip.load.slice_counts import SliceCounts
from dragstrip.scenario.check import JsonCheck, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = 1_000_000
_BLOCK = 3750
"""What a process makes in a quarter of a second, between two collections."""
_GAP_NS = 66_667
_BODY = b'{"found":true,"notes":"' + b"x" * 900 + b'","key":'
"""Of as many bytes as a real answer: the judge hashes them all."""
_SLICE = 450_000
"""Lookups of a slice: 30 s of them."""


def main(argv: list[str]) -> int:
    """Make the lookups, print the memory in use; return the exit code."""
    lookups, first = (int(text) for text in argv)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dragstrip-memory-") as folder:
        rss = dict(_measure(Path(folder), lookups, first))
    took_s = round(time.monotonic() - started, 1)
    sys.stdout.write(json.dumps({"rss_bytes": rss, "took_s": took_s}) + "\n")
    return 0


def _measure(folder: Path, lookups: int, first: int) -> Iterator[tuple[int, int]]:
    counts = SliceCounts()
    ledger = Ledger(folder, 0, "drop")
    stats = LocustStats(RequestStats(), [["old"], ["new"]])
    collector = Collector(ledger, [counts, stats])
    judge = JsonCheck(_answer)
    random = np.random.default_rng(1)
    process = psutil.Process()
    began_ns = time.monotonic_ns()
    for done in range(0, lookups, _BLOCK):
        if done % _SLICE < _BLOCK:
            gc.collect()
            gc.freeze()
            start_ns = began_ns + done * _GAP_NS
            counts.begin(done // _SLICE, start_ns, start_ns + _SLICE * _GAP_NS)
        _make(ledger, judge, random, began_ns, done, min(_BLOCK, lookups - done))
        collector.collect()
        if ledger.needs_upkeep:
            ledger.upkeep()
        if done < first <= done + _BLOCK:
            yield first, process.memory_info().rss
    counts.encode()
    yield lookups, process.memory_info().rss
    ledger.close()


def _make(
    ledger: Ledger,
    judge: JsonCheck,
    random: np.random.Generator,
    began_ns: int,
    done: int,
    count: int,
) -> None:
    keys = random.integers(0, _KEYS, count).tolist()
    service_ns = (random.lognormal(0, 0.5, count) * 2e6).astype(np.int64).tolist()
    slice_index = done // _SLICE
    for number, (key, took_ns) in enumerate(zip(keys, service_ns, strict=True), done):
        scheduled_ns = began_ns + number * _GAP_NS
        row = ledger.begin(
            scheduled_ns, key, slice_index, slice_index & 1, Flag.COUNTED, 1, scheduled_ns
        )
        outcome = judge(key, Reply(200, "application/json", "", _answer(key)))
        ledger.end(
            row, scheduled_ns + 50_000, scheduled_ns + 50_000 + took_ns, outcome, 200, 962, 900
        )


def _answer(key: int) -> bytes:
    return _BODY + b"%d}" % key


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
