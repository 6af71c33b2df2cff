"""Checks that what slices.jsonl, finish.json and live.json hold has the form of a report.

Only the form: what is read stays as it is. Whether the figures agree is for `dragstrip ledger`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dragstrip.errors import StorageError
from dragstrip.ledger.reach import FORM as REACH

_LAST_SECOND = 253_402_300_799
"""The end of the year 9999, in seconds since the Unix epoch."""

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Second = Annotated[float, Field(ge=0, le=_LAST_SECOND)]
Number = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class _ReportForm(BaseModel):
    # What a later version adds is allowed.
    model_config = ConfigDict(strict=True, extra="ignore")


class _Tally(_ReportForm):
    requests: Count
    verified: Count
    on_time: Count
    no_connection: Count
    opened: Count
    reconnected: Count = 0
    repeated: Count = 0
    bytes: Count
    uncounted: Count
    wrong: Count
    failed: dict[str, Count]
    failed_uncounted: dict[str, Count]
    histograms: dict[str, str]


_Tallies = dict[Number, dict[Number, _Tally]]


class _Over(_ReportForm):
    requests: list[Count]
    over: list[Count]


class _Worker(_ReportForm):
    worker: Count
    start_ns: int
    end_ns: int
    cpu_s: Amount
    wall_s: Amount
    loop_lag_p99_ms: Amount = 0
    loop_lag_max_ms: Amount = 0
    clock_step_ms: float = 0
    throttled_s: Amount | None = None
    reached: dict[Number, Annotated[str, Field(pattern=REACH)]] = {}
    tallies: _Tallies
    sent: list[Count] = []
    over: _Over | None = None
    cut: bool = False
    grew: bool = False


class SliceForm(_ReportForm):
    """A line of slices.jsonl."""

    index: Count
    started: Second
    ended: Second
    void: str | None = None
    workers: list[_Worker]


class _Final(_ReportForm):
    rows: Count
    tallies: _Tallies


class FinishForm(_ReportForm):
    """finish.json."""

    run_id: str
    workers: dict[Number, _Final]
    lost_workers: list[Count]


class _Brief(_ReportForm):
    verified: Count
    failed: dict[str, Count]
    uncounted: Count
    failed_uncounted: dict[str, Count]
    buckets: list[Count]
    sum_s: float


class LiveForm(_ReportForm):
    """live.json."""

    slice: Count | None
    targets: dict[Number, dict[Number, _Brief]]
    processes: Count
    lost: Count


def require(form: type[BaseModel], document: Any, source: str) -> None:
    """Check a document. Raises StorageError, which names the first field that is wrong."""
    try:
        form.model_validate(document)
    except ValidationError as error:
        raise StorageError(
            f"{source} is damaged: {first_problem(error)}",
            fix="race again, or take the file from a backup",
        ) from None


def has_form(form: type[BaseModel], document: Any) -> bool:
    """Whether a document has the form."""
    try:
        form.model_validate(document)
    except ValidationError:
        return False
    return True


def first_problem(error: ValidationError) -> str:
    """Return the first field that is wrong, and what is wrong with it."""
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc'])) or 'the file'}: {problem['msg']}"
