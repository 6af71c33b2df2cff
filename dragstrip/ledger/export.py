"""A ledger's rows as a table: names for numbers, wall-clock times beside the raw ones."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.errors import UsageError
from dragstrip.ledger.rows import ABSENT, Flag, Outcome, Rows, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from dragstrip.ledger.reader import Segment

    Which = Callable[[Rows], NDArray[np.bool_]]

_OUTCOMES = np.array([outcome.name.lower() for outcome in Outcome], dtype=np.str_)
_TIMES = ("due", "sent", "done")
_ON_ENDING = ("first_byte_us", "query_us", "total_us", "bytes", "status", "opened", "reconnected")


def table(
    segment: Segment, targets: Sequence[str], which: Which
) -> dict[str, np.ma.MaskedArray[Any, Any]]:
    """Return the columns of the chosen rows, shape (n,); what a row does not have is masked.

    `due`, `sent` and `done` are nanoseconds since the Unix epoch (datetime64).
    """
    chosen = np.flatnonzero(which(segment.rows))
    rows = select(segment.rows, chosen)
    in_flight = rows["outcome"] == Outcome.IN_FLIGHT
    # A process that was killed while it ended a row may have left any of its second half.
    unknown = {"done": in_flight, "sent": in_flight & (rows["sent_ns"] == 0)}
    columns: dict[str, Any] = {
        "worker": np.full(len(rows), segment.worker, np.int32),
        "row": segment.first_row + chosen,
        "target": np.array(targets, np.str_)[rows["target"]],
        "slice": rows["slice"],
        "key": rows["key"],
        "counted": (rows["flags"] & Flag.COUNTED) != 0,
        "no_slot": (rows["flags"] & Flag.NO_SLOT) != 0,
        "slot": rows["slot"],
        "outcome": _OUTCOMES[rows["outcome"]],
    }
    for name in _TIMES:
        time_ns = np.ma.array(rows[f"{name}_ns"], mask=unknown.get(name, False))
        columns[name] = (time_ns + (segment.wall_ns - segment.monotonic_ns)).astype("M8[ns]")
        columns[f"{name}_ns"] = time_ns
    for name in _ON_ENDING:
        absent = (rows[name] == ABSENT) if name.endswith("_us") else False
        columns[name] = np.ma.array(rows[name], mask=in_flight | absent)
    return {name: np.ma.array(column) for name, column in columns.items()}


def write_csv(
    segments: Iterable[Segment], targets: Sequence[str], which: Which, file: TextIO
) -> int:
    """Write the chosen rows as CSV with a header; return how many. An absent value is empty."""
    writer = csv.writer(file, lineterminator="\n")
    total = 0
    for number, segment in enumerate(segments):
        columns = table(segment, targets, which)
        if number == 0:
            writer.writerow(columns)
        writer.writerows(zip(*map(_texts, columns.values()), strict=True))
        total += len(columns["row"])
    return total


def write_parquet(
    segments: Iterable[Segment], targets: Sequence[str], which: Which, path: Path
) -> int:
    """Write the chosen rows as Parquet, a row group for each segment; return how many.

    Raises UsageError where pyarrow is not installed.
    """
    arrow, parquet = require_arrow()
    total = 0
    writer = None
    try:
        for segment in segments:
            columns = table(segment, targets, which)
            group = arrow.table({name: _arrow(arrow, one) for name, one in columns.items()})
            writer = writer or parquet.ParquetWriter(path, group.schema)
            writer.write_table(group)
            total += len(group)
    finally:
        if writer:
            writer.close()
    return total


def require_arrow() -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet. Raises UsageError."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(
            "--format parquet needs pyarrow, which is not installed",
            fix='install it ("pip install pyarrow"), or use --format csv',
        ) from None
    return arrow, parquet


def _texts(column: np.ma.MaskedArray[Any, Any]) -> list[str]:
    if column.dtype.kind == "M":
        texts: list[str] = np.datetime_as_string(column.data, unit="ns", timezone="UTC").tolist()
    elif column.dtype.kind == "b":
        texts = np.where(column.data, "1", "0").tolist()
    else:
        texts = column.data.tolist()
    if not np.ma.is_masked(column):
        return texts
    mask = np.ma.getmaskarray(column).tolist()
    return ["" if hidden else text for hidden, text in zip(mask, texts, strict=True)]


def _arrow(arrow: Any, column: np.ma.MaskedArray[Any, Any]) -> Any:
    mask = np.ma.getmaskarray(column)
    if column.dtype.kind == "M":
        whole = arrow.timestamp("ns", tz="UTC")
        return arrow.array(column.data.astype(np.int64), arrow.int64(), mask=mask).cast(whole)
    if column.dtype.kind == "U":
        return arrow.array(column.data, arrow.string()).dictionary_encode()
    return arrow.array(np.ascontiguousarray(column.data), mask=mask)
