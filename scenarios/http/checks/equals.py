"""`column` and `at`: the body, or what stands at a JSONPath in it, is what the data file says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import canonical
from dragstrip.scenario.json_diff import is_number, shown

if TYPE_CHECKING:
    from dragstrip.scenario import Reply
    from dragstrip.scenario.json_path import JsonPath
    from scenarios.http.rows import Rows

_OK = int(Outcome.OK)
_WRONG = int(Outcome.WRONG_ANSWER)
_NOT_JSON = int(Outcome.NOT_JSON)
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,3})?")


class Equals:
    """Compares with the value of a column in the row of the key.

    A CSV file holds texts only: there, the number 62 is right for "62" and for "62.0", true for
    "true", null for "" and for "null".
    """

    __slots__ = ("_column", "_path", "_rows")

    def __init__(self, column: str, path: JsonPath | None, rows: Rows) -> None:
        if column not in rows.columns:
            known = ", ".join(rows.columns)
            raise ConfigError(
                f'expect.column: the data has no column "{column}"',
                fix=f"use one of its columns: {known}" if known else "give a data file (--data)",
            )
        self._column, self._path, self._rows = column, path, rows

    def __call__(self, key: int, reply: Reply) -> int:
        """Return the Outcome."""
        right = self._rows.row(key)[self._column]
        if self._path is None:
            return _OK if _whole_is(right, reply.body) else _WRONG
        try:
            found = self._path.select(orjson.loads(reply.body))
        except orjson.JSONDecodeError:
            return _NOT_JSON
        return _OK if found and all(is_same(right, value) for value in found) else _WRONG

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        outcome = self(key, reply)
        if outcome == _OK:
            return ""
        right = shown(self._rows.row(key)[self._column])
        said = f"expect.column: {self._column} is {right}"
        if self._path is None:
            return f"{said}, and the body is {shown(reply.body.decode(errors='replace'))}"
        if outcome == _NOT_JSON:
            return f"{said}, and the body is not JSON"
        found = self._path.select(orjson.loads(reply.body))
        return f"{said}, and {self._path} is {', '.join(map(shown, found)) or 'absent'}"


def is_same(right: Any, found: Any) -> bool:
    """Return whether a value of an answer is that of a column."""
    if not isinstance(right, str):
        if is_number(right) and is_number(found):
            return bool(right == found)
        return _are_equal(right, found)
    match found:
        case str():
            return right == found
        case None:
            return right in {"", "null"}
        case bool():
            return right == ("true" if found else "false")
        case int() | float():
            return _NUMBER.fullmatch(right) is not None and _number(right) == found
    try:
        return _are_equal(orjson.loads(right), found)
    except orjson.JSONDecodeError:
        return False


def _whole_is(right: Any, body: bytes) -> bool:
    if isinstance(right, str) and body.rstrip(b"\r\n") == right.encode():
        return True
    try:
        return is_same(right, orjson.loads(body))
    except orjson.JSONDecodeError:
        return False


def _number(text: str) -> int | float:
    return float(text) if set(text) & set(".eE") else int(text)


def _are_equal(right: Any, found: Any) -> bool:
    try:
        return canonical(right) == canonical(found)
    except orjson.JSONEncodeError:
        # orjson reads deeper nesting than it writes.
        return False
