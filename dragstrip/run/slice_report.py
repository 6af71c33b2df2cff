"""What is reported of a slice and of a race's end: the lines of slices.jsonl, and finish.json."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class WorkerReport(TypedDict):
    """One process's share of a slice; `_ns` are times of that process's monotonic clock."""

    worker: int
    start_ns: int
    end_ns: int
    cpu_s: float
    """Processor time that the process used in `wall_s` seconds."""
    wall_s: float
    loop_lag_p99_ms: NotRequired[float]
    """How late the event loop came to a regular appointment."""
    loop_lag_max_ms: NotRequired[float]
    clock_step_ms: NotRequired[float]
    """How far the wall clock moved against the monotonic clock."""
    tallies: dict[str, dict[str, Any]]
    """By the target's number; see dragstrip.ledger.tally."""


class SliceReport(TypedDict):
    """A slice that ran to its end. `started` and `ended` are seconds since the Unix epoch."""

    index: int
    started: float
    ended: float
    void: NotRequired[str | None]
    """Why its pair must not be used; None or absent when it may."""
    workers: list[WorkerReport]


class FinalCounts(TypedDict):
    """What one process had counted when it was done: rows begun, and counts by target."""

    rows: int
    tallies: dict[str, dict[str, Any]]


class Finish(TypedDict):
    """finish.json: every process's last word, and the workers that never said one."""

    run_id: str
    workers: dict[str, FinalCounts]
    lost_workers: list[int]
