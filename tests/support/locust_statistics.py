"""Logs the same lookups as Locust does and by LocustStats, and prints what each way comes to.

A program of its own: importing Locust patches the process. Argument: seed. Prints a list: Locust's
own logging, LocustStats in bulk, LocustStats by events.
"""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
from locust import stats as locust
from locust.event import EventHook

from dragstrip.ledger.layout import ROW
from dragstrip.ledger.rows import Outcome, Rows
from dragstrip.load.locust_stats import LocustStats, LookupFailed

LABELS = (("old lookup (lab)", "old message (lab)"), ("new lookup", "new message"))
METHODS = ("GET", "POST")
EPOCH_S = 1_700_000_000
OFFSET_NS = EPOCH_S * 1_000_000_000
FAILURES = ((Outcome.HTTP_STATUS, 500), (Outcome.HTTP_STATUS, 503), (Outcome.WRONG_ANSWER, 200))


class StatisticsClock:
    """Stands in for the time module that Locust's statistics ask."""

    now = EPOCH_S + 0.0

    def time(self) -> float:
        return self.now


def lookups(random: np.random.Generator, count: int) -> Rows:
    """Return rows in the order they were done, over a few dozen seconds with gaps."""
    rows: Rows = np.zeros(count, ROW)
    gaps_ns = random.exponential(6e6, count) + 2.5e9 * (random.random(count) < 0.002)
    rows["done_ns"] = gaps_ns.cumsum()
    times_ns = (random.lognormal(3, 2, count) * 1e6).astype(np.int64)
    round_ns = random.integers(0, 300, count) * 5_000_000
    rows["scheduled_ns"] = rows["done_ns"] - np.where(
        random.random(count) < 0.2, round_ns, times_ns
    )
    rows["target"] = random.integers(0, 2, count)
    rows["operation"] = random.random(count) < 0.25
    rows["bytes"] = random.integers(0, 2000, count)
    rows["outcome"], rows["status"] = Outcome.OK, 200
    for (outcome, status), share in zip(FAILURES, (0.05, 0.02, 0.01), strict=True):
        which = random.random(count) < share
        rows["outcome"][which], rows["status"][which] = outcome, status
    return rows


def one_by_one(clock: StatisticsClock, stats: locust.RequestStats, rows: Rows) -> None:
    """Log rows as Locust's listener of the `request` event does."""
    log_request: Any = stats.log_request
    for row in rows:
        clock.now = int(row["done_ns"] + OFFSET_NS) / 1e9
        name, method = LABELS[row["target"]][row["operation"]], METHODS[row["operation"]]
        time_ms = int(row["done_ns"] - row["scheduled_ns"]) / 1e6
        log_request(method, name, time_ms, int(row["bytes"]))
        if row["outcome"] != Outcome.OK:
            reason = Outcome(row["outcome"]).reason(int(row["status"]))
            stats.log_error(method, name, LookupFailed(reason))


def in_bulk(
    random: np.random.Generator, clock: StatisticsClock, stats: locust.RequestStats, rows: Rows
) -> None:
    """Log rows as a collector hands them on: in chunks, each a while after it was done."""
    feed = LocustStats(stats, LABELS, methods=METHODS, offset_ns=lambda: OFFSET_NS)
    cuts = np.sort(random.integers(0, len(rows), len(rows) // 200))
    for chunk in np.split(rows, cuts):
        if len(chunk):
            clock.now = int(chunk["done_ns"][-1] + OFFSET_NS) / 1e9 + 0.2
            feed(random.permutation(chunk))


def by_events(clock: StatisticsClock, stats: locust.RequestStats, rows: Rows) -> None:
    """Log rows by the `request` event, as Locust's runner listens to it."""
    hook = EventHook()

    def listen(
        request_type: str, name: str, response_time: Any, response_length: int, **more: Any
    ) -> None:
        stats.log_request(request_type, name, response_time, response_length)
        if more["exception"]:
            stats.log_error(request_type, name, more["exception"])

    hook.add_listener(listen)
    feed = LocustStats(
        stats, LABELS, methods=METHODS, urls=("http://a", "http://b"), fire=hook.fire
    )
    for row in range(len(rows)):
        clock.now = int(rows["done_ns"][row] + OFFSET_NS) / 1e9
        feed(rows[row : row + 1])


def everything(stats: locust.RequestStats) -> dict[str, Any]:
    """Return all that the statistics hold and all that Locust computes from it."""
    entries = {"/".join(key): entry for key, entry in stats.entries.items()}
    told: dict[str, Any] = {}
    for name, entry in sorted({**entries, "total": stats.total}.items()):
        cache = entry.response_times_cache or OrderedDict()
        told[name] = {
            "figures": entry.to_dict(),
            "held": entry.serialize(),
            "percentiles": [
                entry.get_response_time_percentile(p) for p in locust.PERCENTILES_TO_REPORT
            ],
            "current": entry.get_current_response_time_percentile(0.95),
            "cache": {t: [dict(c.response_times), *c[1:]] for t, c in cache.items()},
        }
    told["errors"] = {key: error.to_dict() for key, error in stats.errors.items()}
    told["names"] = sorted(error.to_name() for error in stats.errors.values())
    return told


def main() -> None:
    random = np.random.default_rng(int(sys.argv[1]))
    rows = lookups(random, 6000)
    clock = StatisticsClock()
    vars(locust)["time"] = clock
    told = []
    for log in (one_by_one, partial(in_bulk, random), by_events):
        clock.now = EPOCH_S
        stats = locust.RequestStats()
        log(clock, stats, rows)
        clock.now = int(rows["done_ns"][-1] + OFFSET_NS) / 1e9 + 1
        told.append(everything(stats))
    sys.stdout.write(json.dumps(told, sort_keys=True))


if __name__ == "__main__":
    main()
