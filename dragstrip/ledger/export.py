"""A ledger's rows as a table: names for numbers, wall-clock times beside the raw ones."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from dragstrip.errors import StorageError, UsageError
from dragstrip.ledger.layout import COLUMNS, Column
from dragstrip.ledger.rows import ABSENT, Flag, Outcome, Rows, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from numpy.typing import NDArray

    from dragstrip.ledger.reader import Segment

    Which = Callable[[Rows], NDArray[np.bool_]]
    Names = Mapping[str, Sequence[str]]
    """The names that stand for numbers, by column: `target` and `operation`."""
    Masked = np.ma.MaskedArray[Any, Any]

_OUTCOMES = np.array([outcome.name.lower() for outcome in Outcome], dtype=np.str_)


def table(segment: Segment, names: Names, which: Which) -> dict[str, np.ma.MaskedArray[Any, Any]]:
    """Return the columns of the chosen rows, shape (n,); what a row does not have is masked.

    Names come first, then what the layout has, in its order.
    `due`, `sent` and `done` are nanoseconds since the Unix epoch (datetime64).
    """
    chosen = np.flatnonzero(which(segment.rows))
    rows = select(segment.rows, chosen)
    columns: dict[str, Any] = {
        "worker": np.full(len(rows), segment.worker, np.int32),
        "row": segment.first_row + chosen,
    }
    for column in sorted(COLUMNS, key=lambda one: one.shown != "name"):
        columns.update(_shown(column, rows, segment, names))
    return {name: np.ma.array(column) for name, column in columns.items()}


def _shown(
    column: Column, rows: Rows, segment: Segment, names: Names
) -> Iterator[tuple[str, NDArray[Any] | Masked]]:
    """Yield what an export shows of a column, by name."""
    values = rows[column.name]
    if column.shown == "name":
        known = np.array(names[column.name], np.str_)
        if len(values) and values.max() >= len(known):
            raise StorageError(
                f"the ledger is damaged: a row has {column.name} {values.max()}, but the plan "
                f"has {len(known)}"
            )
        yield column.name, known[values]
    elif column.shown == "flags":
        yield from ((flag.name.lower(), (values & flag) != 0) for flag in Flag if flag.name)
    elif column.shown == "outcome":
        yield column.name, _OUTCOMES[values]
    elif column.shown == "time":
        times_ns = np.ma.array(values, mask=_is_unknown(column, rows))
        wall_ns = times_ns + (segment.wall_ns - segment.monotonic_ns)
        yield column.name.removesuffix("_ns"), wall_ns.astype("M8[ns]")
        yield column.name, times_ns
    elif column.shown in {"number", "duration"}:
        absent = (values == ABSENT) if column.shown == "duration" else False
        yield column.name, np.ma.array(values, mask=_is_unknown(column, rows) | absent)


def _is_unknown(column: Column, rows: Rows) -> NDArray[np.bool_] | bool:
    # A process that was killed while it ended a row may have left any of what it writes then.
    if column.written == "begin":
        return False
    in_flight: NDArray[np.bool_] = rows["outcome"] == Outcome.IN_FLIGHT
    return in_flight & (rows[column.name] == 0) if column.written == "both" else in_flight


def write_csv(segments: Iterable[Segment], names: Names, which: Which, file: TextIO) -> int:
    """Write the chosen rows as CSV with a header; return how many. An absent value is empty."""
    writer = csv.writer(file, lineterminator="\n")
    total = 0
    for number, segment in enumerate(segments):
        columns = table(segment, names, which)
        if number == 0:
            writer.writerow(columns)
        writer.writerows(zip(*map(_texts, columns.values()), strict=True))
        total += len(columns["row"])
    return total


def write_parquet(segments: Iterable[Segment], names: Names, which: Which, path: Path) -> int:
    """Write the chosen rows as Parquet, a row group for each segment; return how many.

    Raises UsageError where pyarrow is not installed.
    """
    arrow, parquet = require_arrow()
    total = 0
    writer = None
    try:
        for segment in segments:
            columns = table(segment, names, which)
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
