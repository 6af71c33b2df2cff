"""When the requests of an access log came in: its lines' times, and nothing else of them.

A line is one of the common or combined log format, which has its time in brackets, or a time alone:
in ISO 8601, UTC where it names no zone, or in seconds since the Unix epoch.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MOST_LINES = 1_000_000
_BRACKETS = re.compile(
    rb"\[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))? ([+-])(\d\d)(\d\d)\]"
)
_EPOCH = re.compile(rb"(\d{1,11})(?:\.(\d+))?")
_MONTHS = {
    name: number
    for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_MOST_LINE_BYTES = 2**20


def times_us(path: Path) -> NDArray[np.int64]:
    """Return the times of a log in microseconds since its first, ascending, shape (n,).

    Where a log tells whole seconds only, the requests of a second lie evenly in it. Raises
    ValueError, which names the line that has no time.
    """
    try:
        with path.open("rb") as file:
            lines = iter(partial(file.readline, _MOST_LINE_BYTES), b"")
            found = [_time_us(line, path, number) for number, line in enumerate(lines, 1)]
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    times = np.sort(np.array(found, np.int64))
    if len(times) and not (times % _SECOND_US).any():
        times = _spread(times)
    if len(times) < 2 or times[0] == times[-1]:
        raise ValueError(f"{path} has no two requests at different times")
    since: NDArray[np.int64] = times - times[0]
    return since


def _time_us(line: bytes, path: Path, number: int) -> int:
    if number > MOST_LINES:
        raise ValueError(f"{path} has more than {MOST_LINES:,} lines; give a part of it")
    line = line.strip()
    try:
        if epoch := _EPOCH.fullmatch(line):
            whole, part = epoch.groups(b"")
            return int(whole) * _SECOND_US + int(part[:6].ljust(6, b"0"))
        clf = _BRACKETS.search(line)
        when = _of_brackets(clf) if clf else datetime.fromisoformat(line.decode())
        return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - _ZERO) // _MICROSECOND
    except (ValueError, KeyError, OverflowError):
        what = "is empty" if not line else "has no time that can be read"
        raise ValueError(
            f"{path}, line {number}: {what}; a line is of the common or combined log format, or a "
            "time in ISO 8601 or in seconds since 1970"
        ) from None


def _of_brackets(found: re.Match[bytes]) -> datetime:
    day, month, year, hour, minute, second, part, sign, hours, minutes = found.groups(b"")
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    local = datetime(
        int(year),
        _MONTHS[month],
        int(day),
        int(hour),
        int(minute),
        int(second),
        int(part.ljust(6, b"0")),
        tzinfo=UTC,
    )
    return local - ahead if sign == b"+" else local + ahead


def _spread(times: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first, counts = np.unique(times, return_index=True, return_counts=True)
    place = np.arange(len(times)) - np.repeat(first, counts)
    return times + place * _SECOND_US // np.repeat(counts, counts)
