"""What is reported of a slice and of a race's end: the lines of slices.jsonl, and finish.json."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict, cast

import orjson

from dragstrip.ledger.tallies import Form  # noqa: TC001
from dragstrip.run.plan import FINISH_FILE, SLICES_FILE
from dragstrip.run.report_forms import FinishForm, SliceForm, require
from dragstrip.run.upgrade import renamed


class OverCounts(TypedDict):
    """Counted requests of a search's slice, and those over the objective, in stretches of time."""

    requests: list[int]
    over: list[int]


class OfSearch(TypedDict, total=False):
    """What is reported of a search's slice. A `cut` one ended early, as its requests piled up.

    In one that `grew`, they piled up at a pace that leaves the objective within a minute.
    """

    over: OverCounts
    cut: bool
    grew: bool


class WorkerReport(OfSearch):
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
    throttled_s: NotRequired[float | None]
    """How long a container's CPU limit held it up in `wall_s` seconds; None without a limit."""
    reached: NotRequired[dict[str, str]]
    """By the target's number, when it answered and when not; see dragstrip.ledger.reach."""
    tallies: Form
    """By the target's number, then the operation's; see dragstrip.ledger.tally."""
    sent: NotRequired[list[int]]
    """Requests sent in equal stretches of the slice, where a profile varies the rate."""


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


def parse_slice(line: bytes, source: str = SLICES_FILE) -> SliceReport:
    """Read a line of slices.jsonl. Raises orjson.JSONDecodeError, and StorageError naming `source`.

    The former is for a line that was cut off, the latter for one that is whole and no report.
    """
    document = orjson.loads(line)
    for worker in _list_in(document, "workers"):
        _sort_by_operation(worker)
    require(SliceForm, document, source)
    return cast("SliceReport", document)


def parse_finish(text: bytes, source: str = FINISH_FILE) -> Finish:
    """Read finish.json. Raises orjson.JSONDecodeError, and StorageError naming `source`."""
    document = orjson.loads(text)
    workers = document.get("workers") if isinstance(document, dict) else None
    for counts in workers.values() if isinstance(workers, dict) else ():
        _sort_by_operation(counts)
    require(FinishForm, document, source)
    return cast("Finish", document)


def _list_in(document: Any, field: str) -> list[Any]:
    found = document.get(field) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []


def _sort_by_operation(part: Any) -> None:
    """Have its tallies by target and operation, with today's names.

    Earlier versions had one tally for each target.
    """
    tallies = part.get("tallies") if isinstance(part, dict) else None
    if isinstance(tallies, dict):
        part["tallies"] = {
            target: {"0": renamed(form)} if _is_tally(form) else renamed(form)
            for target, form in tallies.items()
        }


def _is_tally(form: Any) -> bool:
    return isinstance(form, dict) and ("due" in form or "requests" in form)
