"""The first place in which two JSON values differ, and how to say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class JsonDifference:
    """`path` is where, as in "recent_messages[2].content"; one side may be ABSENT."""

    path: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.path} is {shown(self.found)}, expected {shown(self.expected)}"


def first_difference(expected: Any, found: Any, path: str = "") -> JsonDifference | None:
    """Return the first difference in the expected value's order, None when both are the same.

    Types count: 1, 1.0, "1" and true are four different values.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        return _in_objects(expected, found, path)
    if isinstance(expected, list) and isinstance(found, list):
        return _in_lists(expected, found, path)
    if type(expected) is type(found) and expected == found:
        return None
    return JsonDifference(path or "the whole", expected, found)


def _in_objects(
    expected: dict[str, Any], found: dict[str, Any], path: str
) -> JsonDifference | None:
    for key in [*expected, *(key for key in found if key not in expected)]:
        difference = first_difference(
            expected.get(key, ABSENT), found.get(key, ABSENT), f"{path}.{key}" if path else key
        )
        if difference is not None:
            return difference
    return None


def _in_lists(expected: list[Any], found: list[Any], path: str) -> JsonDifference | None:
    for n in range(max(len(expected), len(found))):
        difference = first_difference(
            expected[n] if n < len(expected) else ABSENT,
            found[n] if n < len(found) else ABSENT,
            f"{path}[{n}]",
        )
        if difference is not None:
            return difference
    return None


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a number; to Python, true is one, too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """Return a JSON value as text, cut where it is long."""
    text = repr(value) if value is ABSENT else orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
