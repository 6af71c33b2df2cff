"""Feeds Locust's statistics from ledger rows, in bulk, as its own logging would one by one.

Locust's listener costs more per request than the rest of the hot path together. What it would have
written is a function of the rows, so it can be written a few times a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.ledger.rows import Outcome, Rows, select
from dragstrip.load import locust_compat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from locust.stats import RequestStats, StatsEntry
    from numpy.typing import NDArray


class LookupFailed(Exception):
    """A request's failure as Locust's statistics show it: the reason and nothing that varies."""


def wall_offset_ns() -> int:
    """Return what to add to a time of the monotonic clock to get nanoseconds since the epoch."""
    return time.time_ns() - time.monotonic_ns()


class LocustStats:
    """A collector's feed that keeps the figures of Locust's own table, files and web UI.

    `labels` are those of each target's operations, `urls` those of the targets and `methods` those
    of the operations, by number. A request counts in the second in which it was done, under the
    label of its target and operation; its response time counts from when it was due.

    With `fire`, Locust's `request` event is fired for each row instead, in the order in which the
    requests were done: Locust's own listener then does the counting, at the time of the event.
    """

    def __init__(
        self,
        stats: RequestStats,
        labels: Sequence[Sequence[str]],
        *,
        methods: Sequence[str] = ("GET",),
        urls: Sequence[str] = (),
        fire: Callable[..., None] | None = None,
        offset_ns: Callable[[], int] = wall_offset_ns,
    ) -> None:
        self._stats = stats
        self._labels = labels
        self._methods = methods
        self._urls = urls
        self._fire = fire
        self._offset_ns = offset_ns
        self._rounding = locust_compat.replaced_rounding()

    def __call__(self, rows: Rows) -> None:
        """Take in rows of requests that are over."""
        rows = select(rows, np.argsort(rows["done_ns"], kind="stable"))
        if self._fire:
            self._fire_each(rows, self._fire)
            return
        wall_ns = rows["done_ns"] + self._offset_ns()
        for second, part in _runs(wall_ns // 1_000_000_000):
            self._log(self._stats.total, second, rows[part], wall_ns[part])
            places = rows["target"][part].astype(np.uint16) << 8 | rows["operation"][part]
            for place, which in _groups(places):
                key = self._key(place >> 8, place & 0xFF)
                chosen, done_ns = select(rows[part], which), wall_ns[part][which]
                self._log(self._entry(key, done_ns), second, chosen, done_ns)
                self._log_errors(key, chosen, done_ns)

    def _key(self, target: int, operation: int) -> tuple[str, str]:
        """Return the label and the method."""
        return self._labels[target][operation], self._methods[operation]

    def _entry(self, key: tuple[str, str], done_ns: NDArray[np.int64]) -> StatsEntry:
        is_new = key not in self._stats.entries
        entry = self._stats.entries[key]
        if is_new:
            entry.start_time = min(entry.start_time, int(done_ns[0]) / 1e9)
        return entry

    def _log(self, entry: StatsEntry, second: int, rows: Rows, done_ns: NDArray[np.int64]) -> None:
        before = entry.last_request_timestamp
        if before and second > int(before):
            locust_compat.cache_response_times(entry, second - 1)
        last = int(done_ns[-1]) / 1e9
        entry.last_request_timestamp = max(before, last) if before else last
        entry.num_requests += len(rows)
        entry.num_reqs_per_sec[second] += len(rows)
        entry.total_content_length += int(rows["bytes"].sum())
        failures = int((rows["outcome"] != Outcome.OK).sum())
        if failures:
            entry.num_failures += failures
            entry.num_fail_per_sec[second] += failures
        self._log_times(entry, (rows["done_ns"] - rows["scheduled_ns"]) / 1e6)

    def _log_times(self, entry: Any, times_ms: NDArray[np.float64]) -> None:
        low, high = float(times_ms.min()), float(times_ms.max())
        known = entry.min_response_time
        entry.min_response_time = low if known is None else min(known, low)
        entry.max_response_time = max(entry.max_response_time, high)
        # Accumulating adds one after the other, as Locust does; a sum rounds differently.
        steps = np.concatenate([[entry.total_response_time], times_ms])
        entry.total_response_time = float(np.add.accumulate(steps)[-1])
        for bucket, count in self._buckets(times_ms):
            entry.response_times[bucket] += count

    def _buckets(self, times_ms: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
        if self._rounding is None:
            buckets = bucket(times_ms)
        else:
            buckets = np.array([self._rounding(value) for value in times_ms.tolist()], np.int64)
        values, counts = np.unique(buckets, return_counts=True)
        return zip(values.tolist(), counts.tolist(), strict=True)

    def _log_errors(self, key: tuple[str, str], rows: Rows, done_ns: NDArray[np.int64]) -> None:
        failed = rows["outcome"] != Outcome.OK
        if not failed.any():
            return
        rows, done_ns = select(rows, failed), done_ns[failed]
        codes = rows["outcome"].astype(np.int64) << 16 | rows["status"]
        by_reason: dict[str, NDArray[np.bool_]] = {}
        for code, which in _groups(codes):
            reason = _reason(code)
            by_reason[reason] = by_reason.get(reason, False) | which
        for reason, which in by_reason.items():
            self._log_error(key, reason, done_ns[which])

    def _log_error(self, entry: tuple[str, str], reason: str, done_ns: NDArray[np.int64]) -> None:
        name, method = entry
        error = locust_compat.error_entry(self._stats, method, name, LookupFailed(reason))
        error.occurrences += len(done_ns)
        if error.first_seen is None:
            error.first_seen = int(done_ns[0]) / 1e9
        error.last_seen = max(error.last_seen or 0.0, int(done_ns[-1]) / 1e9)

    def _fire_each(self, rows: Rows, fire: Callable[..., None]) -> None:
        times_ms = ((rows["done_ns"] - rows["scheduled_ns"]) / 1e6).tolist()
        names = ("target", "operation", "outcome", "status", "bytes")
        columns = zip(times_ms, *(rows[name].tolist() for name in names), strict=True)
        for time_ms, target, operation, outcome, status, size in columns:
            is_right = outcome == Outcome.OK
            label, method = self._key(target, operation)
            fire(
                request_type=method,
                name=label,
                response_time=time_ms,
                response_length=size,
                exception=None if is_right else LookupFailed(_reason(outcome << 16 | status)),
                context={},
                url=self._urls[target] if self._urls else None,
                response=None,
            )


def bucket(times_ms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round as `locust.stats.bucket_response_time`: to whole ms below 100, else to two digits."""
    unit = np.select([times_ms < 100, times_ms < 1000, times_ms < 10000], [1, 10, 100], 1000)
    rounded: NDArray[np.int64] = (np.rint(times_ms / unit) * unit).astype(np.int64)
    return rounded


def _reason(code: int) -> str:
    return Outcome(code >> 16).reason(code & 0xFFFF)


def _runs(ascending: NDArray[np.int64]) -> Iterator[tuple[int, slice]]:
    """Yield each value and where it stands."""
    starts = np.flatnonzero(np.diff(ascending, prepend=ascending[:1] - 1))
    ends = np.append(starts[1:], len(ascending))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield int(ascending[start]), slice(start, end)


def _groups(values: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield each value and a mask of its places."""
    for value in np.unique(values).tolist():
        yield value, values == value
