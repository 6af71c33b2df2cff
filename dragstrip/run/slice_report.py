"""What is reported of a slice and of a race's end: the lines of slices.jsonl, and finish.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, cast

import orjson

from dragstrip.ledger.tallies import Form  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    tallies: Form
    """By the target's number, then the operation's; see dragstrip.ledger.tally."""


class SliceReport(TypedDict):
    """A slice that ran to its end. `started` and `ended` are seconds since the Unix epoch."""

    index: int
    started: float
    ended: float
    void: NotRequired[str | None]
    """Why its pair must not be used; None or absent when it may."""
    workers: list[WorkerReport]


class FinalCounts(TypedDict):
    """What one process had counted when it was done: rows begun, and counts."""

    rows: int
    tallies: Form


class Finish(TypedDict):
    """finish.json: every process's last word, and the workers that never said one."""

    run_id: str
    workers: dict[str, FinalCounts]
    lost_workers: list[int]


def parse_slice(line: bytes) -> SliceReport:
    """Read a line of slices.jsonl. Raises orjson.JSONDecodeError."""
    report = cast("SliceReport", orjson.loads(line))
    for worker in report["workers"]:
        worker["tallies"] = _by_operation(worker["tallies"])
    return report


def parse_finish(text: bytes) -> Finish:
    """Read finish.json. Raises orjson.JSONDecodeError."""
    finish = cast("Finish", orjson.loads(text))
    for counts in finish["workers"].values():
        counts["tallies"] = _by_operation(counts["tallies"])
    return finish


def _by_operation(tallies: Mapping[str, Mapping[str, Any]]) -> Form:
    """Return tallies by target and operation; earlier versions had one for each target."""
    return {
        target: {"0": dict(form)} if "due" in form else dict(form)
        for target, form in tallies.items()
    }
