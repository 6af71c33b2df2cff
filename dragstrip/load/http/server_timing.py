"""Reads the `Server-Timing` header: what the server says it spent."""

from __future__ import annotations

import re

_METRIC = re.compile(r"(?:^|,)\s*([\w-]+)\s*;(?:[^,]*;)?\s*dur=\"?([0-9.]{1,16})")
_LARGEST_US = 2**31 - 1
ABSENT = -1


def read(header: str) -> tuple[int, int]:
    """Return the durations of `query` and `total` in microseconds, -1 for one that is absent."""
    found = dict(_METRIC.findall(header[:512]))
    return _microseconds(found.get("query")), _microseconds(found.get("total"))


def _microseconds(milliseconds: str | None) -> int:
    if milliseconds is None:
        return ABSENT
    try:
        return min(round(float(milliseconds) * 1000), _LARGEST_US)
    except ValueError:
        return ABSENT
