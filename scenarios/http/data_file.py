"""A data file: CSV, TSV or JSON lines, whose rows are read when they are needed.

Of a million rows, a process holds where each begins and a few thousand of the rows themselves.
"""

from __future__ import annotations

import csv
import io
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from dragstrip.errors import ConfigError
from scenarios.http.record_index import index_of
from scenarios.http.template import in_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_JSON_LINES = {".jsonl", ".ndjson"}
_KEPT_ROWS = 4096


class DataFile:
    """The rows of a file. Raises ConfigError where there are none to be had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        suffix = path.suffix.lower()
        if suffix not in _JSON_LINES and suffix not in _DELIMITERS:
            raise ConfigError(
                f"scenario.data: {path} is named neither .csv, .tsv nor .jsonl",
                fix="name it by what it holds: the columns' names in the first line, or JSON lines",
            )
        self._delimiter = _DELIMITERS.get(suffix)
        try:
            # Kept open: rows are read from it as long as the process lives.
            self._file = path.open("rb")
            self._index = index_of(self._file, quoted=self._delimiter is not None)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"scenario.data: cannot read {path}: {reason}", fix="correct --data"
            ) from None
        self.sha256 = self._index.sha256
        self._first = 1 if self._delimiter else 0
        if len(self._index) == 0:
            raise self._wrong("it is empty", "put the columns' names into the first line")
        if len(self) == 0:
            raise self._wrong("it has a header and no rows", "add a row")
        self.columns = self._columns()
        self._checked: set[tuple[frozenset[str], frozenset[str]]] = set()
        self.row = lru_cache(_KEPT_ROWS)(self._row)

    def __len__(self) -> int:
        return len(self._index) - self._first

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def require_rows(self, used: frozenset[str], in_headers: frozenset[str] = frozenset()) -> None:
        """Check every row. Raises ConfigError naming the first line that is wrong.

        `used` are the columns that a row must have; those `in_headers` must fit into a header.
        """
        if (used, in_headers) in self._checked:
            return
        count = 0
        for line, row in self._stream():
            count += 1
            absent = next((name for name in used if name not in row), None)
            if absent is not None:
                raise self._wrong(f"no field {absent}", "add it, or remove the row", line)
            for name in in_headers:
                try:
                    in_header(row[name])
                except ValueError as error:
                    raise self._wrong(
                        f"column {name} goes into a header and holds {error}",
                        "remove it from the value",
                        line,
                    ) from None
        if count != len(self):
            raise self._wrong(
                "a quote stands inside a field that does not begin with one",
                'write such a field as "..." with every quote in it twice',
            )
        self._checked.add((used, in_headers))

    def _row(self, key: int) -> Mapping[str, Any]:
        record = self._record(key + self._first)
        if self._delimiter is None:
            return self._object(record, None)
        text = record.decode()
        if '"' in text:
            fields = next(csv.reader([text], delimiter=self._delimiter, strict=True))
        else:
            fields = text.split(self._delimiter)
        return dict(zip(self.columns, fields, strict=True))

    def _record(self, number: int) -> bytes:
        index = self._index
        start, length = int(index.starts[number]), int(index.lengths[number])
        return os.pread(self._file.fileno(), length, start)

    def _columns(self) -> Sequence[str]:
        record = self._record(0)
        if self._delimiter is None:
            names = list(self._object(record, 1))
        else:
            try:
                rows = list(csv.reader([record.decode()], delimiter=self._delimiter, strict=True))
            except (csv.Error, UnicodeDecodeError) as error:
                raise self._wrong(str(error), "save it as CSV in UTF-8", 1) from None
            names = rows[0]
        for name in names:
            if not name or names.count(name) > 1 or "{" in name or "}" in name:
                what = "a column without a name" if not name else f'the column name "{name}"'
                raise self._wrong(f"{what}", "give each column a name of its own, without { }", 1)
        return tuple(names)

    def _stream(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield every row with its line, from one reading of the whole file."""
        with self.path.open("rb") as file:
            yield from self._objects(file) if self._delimiter is None else self._fields(file)

    def _objects(self, file: BinaryIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for line, record in enumerate(file, 1):
            text = record.removeprefix(b"\xef\xbb\xbf") if line == 1 else record
            if text.rstrip(b"\r\n"):
                yield line, self._object(text, line)

    def _fields(self, file: BinaryIO) -> Iterator[tuple[int, Mapping[str, Any]]]:
        text = io.TextIOWrapper(file, "utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=self._delimiter or ",", strict=True)
        line, is_header = 1, True
        try:
            for fields in reader:
                if fields and not is_header:
                    yield line, self._named(fields, line)
                is_header = is_header and not fields
                line = reader.line_num + 1
        except csv.Error as error:
            raise self._wrong(str(error), "correct its quotes", line) from None
        except UnicodeDecodeError:
            raise self._wrong("not UTF-8 text", "save the file as UTF-8", line) from None

    def _named(self, fields: list[str], line: int) -> Mapping[str, Any]:
        if len(fields) != len(self.columns):
            raise self._wrong(
                f"{len(fields)} field{'s' * (len(fields) != 1)}, and the header names "
                f"{len(self.columns)} columns",
                "correct the row; quote a field that holds the separator",
                line,
            )
        return dict(zip(self.columns, fields, strict=True))

    def _object(self, record: bytes, line: int | None) -> dict[str, Any]:
        try:
            document = orjson.loads(record)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise self._wrong("not a JSON object", "write one object a line", line)
        return document

    def _wrong(self, what: str, fix: str, line: int | None = None) -> ConfigError:
        place = f"{self.path.name}, line {line}" if line else self.path.name
        return ConfigError(f"scenario.data: {place}: {what}", fix=fix)
