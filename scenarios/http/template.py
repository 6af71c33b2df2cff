"""Text with {column}s in it, filled from a row; `{{` and `}}` stand for braces."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, quote_plus

from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence


Encode: TypeAlias = "Callable[[Any], str]"

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_URL_LITERAL = "/?:@!$&'()*+,;=%~-._[]"
_HEADER_FORBIDDEN = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


def text_of(value: Any) -> str:
    """Return a value of a row as text: strings as they are, others as JSON, null as nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else _json(value)


def in_url(value: Any) -> str:
    """Percent-encode a value for a path or a query."""
    text = text_of(value)
    if text in {".", ".."}:
        # As they are, they would mean this folder and the one above it.
        return text.replace(".", "%2E")
    return quote(text, safe="")


def in_header(value: Any) -> str:
    """Return a value for a header. Raises ValueError for what cannot stand in one."""
    text = text_of(value)
    if _HEADER_FORBIDDEN.search(text):
        raise ValueError("a line break, a control character or a character beyond Latin-1")
    return text


def in_form(value: Any) -> str:
    """Encode a value for a body of application/x-www-form-urlencoded."""
    return quote_plus(text_of(value))


def in_json_string(value: Any) -> str:
    """Escape a value for the inside of a JSON string."""
    return _json(text_of(value))[1:-1]


def as_json(value: Any) -> str:
    """Return a value as JSON, of the type that it has."""
    return _json(value)


class Template:
    """Literal texts, and between them columns, each with how its value is encoded."""

    __slots__ = ("_columns", "_literals")

    def __init__(self, literals: Sequence[str], columns: Sequence[tuple[str, Encode]]) -> None:
        self._literals = tuple(literals)
        self._columns = tuple(columns)

    @property
    def columns(self) -> list[str]:
        """The columns it is filled from, in order."""
        return [name for name, _ in self._columns]

    def fill(self, row: Mapping[str, Any]) -> str:
        """Return the text for a row."""
        literals = self._literals
        if not self._columns:
            return literals[0]
        parts = [literals[0]]
        for (name, encode), literal in zip(self._columns, literals[1:], strict=True):
            parts += (encode(row[name]), literal)
        return "".join(parts)


class TemplateReader:
    """Reads templates whose placeholders are `columns`.

    In what was copied from elsewhere (`lenient`), only a known column's name between braces is a
    placeholder, and all other braces stand for themselves.
    """

    def __init__(self, columns: Collection[str], *, lenient: bool = False) -> None:
        self._known = list(columns)
        self._lenient = lenient
        names = "|".join(re.escape(name) for name in columns)
        self._named = re.compile(rf"\{{({names})\}}") if names else None

    def url(self, text: str, field: str) -> Template:
        """Read a path with its query; what must be percent-encoded is. Raises ConfigError."""
        return self._read(text, field, in_url, lambda part: quote(part, safe=_URL_LITERAL))

    def header(self, text: str, field: str) -> Template:
        """Read a header's value. Raises ConfigError."""
        return self._read(text, field, in_header)

    def raw(self, text: str, field: str, encode: Encode = text_of) -> Template:
        """Read a body that is sent as it is, but for `encode` of its values. Raises ConfigError."""
        return self._read(text, field, encode)

    def form(self, fields: Mapping[str, str], field: str) -> Template:
        """Read the fields of a form. Raises ConfigError."""
        parts = _Parts()
        for number, (name, value) in enumerate(fields.items()):
            parts.literal("&" * (number > 0) + quote_plus(name) + "=")
            parts.add(*self._split(value, f"{field}.{name}"), in_form, quote_plus)
        return parts.template()

    def json(self, document: Any, field: str) -> Template:
        """Read a JSON document, in whose strings columns may stand. Raises ConfigError."""
        parts = _Parts()
        self._json(document, field, parts)
        return parts.template()

    def _json(self, value: Any, field: str, parts: _Parts) -> None:
        if isinstance(value, dict):
            for number, (name, inner) in enumerate(value.items()):
                parts.literal("{" if number == 0 else ",")
                self._json_string(name, field, parts)
                parts.literal(":")
                self._json(inner, f"{field}.{name}", parts)
            parts.literal("}" if value else "{}")
        elif isinstance(value, list):
            parts.literal("[")
            for number, inner in enumerate(value):
                parts.literal("," * (number > 0))
                self._json(inner, f"{field}[{number}]", parts)
            parts.literal("]")
        elif isinstance(value, str):
            literals, columns = self._split(value, field)
            if literals == ["", ""]:
                parts.add(literals, columns, as_json)
            else:
                self._json_string(value, field, parts)
        else:
            try:
                parts.literal(_json(value))
            except (TypeError, ValueError):
                raise ConfigError(
                    f"{field}: {value!r} does not exist in JSON", fix="write it as a string"
                ) from None

    def _json_string(self, text: str, field: str, parts: _Parts) -> None:
        parts.literal('"')
        parts.add(*self._split(text, field), in_json_string, in_json_string)
        parts.literal('"')

    def _read(
        self,
        text: str,
        field: str,
        encode: Encode,
        literal: Callable[[str], str] = lambda part: part,
    ) -> Template:
        parts = _Parts()
        parts.add(*self._split(text, field), encode, literal)
        return parts.template()

    def _split(self, text: str, field: str) -> tuple[list[str], list[str]]:
        """Return the literal texts of a template, and the columns between them."""
        if self._lenient:
            pieces = self._named.split(text) if self._named else [text]
            return pieces[::2], pieces[1::2]
        literals, columns, end = [""], [], 0
        for token in _TOKEN.finditer(text):
            literals[-1] += text[end : token.start()]
            end = token.end()
            if token[0] in {"{{", "}}"}:
                literals[-1] += token[0][0]
            elif token[1] is None:
                raise ConfigError(
                    f"{field}: an unmatched {token[0]}",
                    fix=f"write {token[0] * 2} for a literal brace",
                )
            else:
                columns.append(self._require(token[1], field))
                literals.append("")
        literals[-1] += text[end:]
        return literals, columns

    def _require(self, name: str, field: str) -> str:
        if name in self._known:
            return name
        shown = "{" + name[:40] + "}"
        escape = f"write {{{shown}}} if it is not a placeholder"
        if not self._known:
            raise ConfigError(
                f"{field}: {shown} needs a data file",
                fix=f"give --data FILE with a column {name[:40]}, or {escape}",
            )
        raise ConfigError(
            f"{field}: the data file has no column for {shown}; it has {', '.join(self._known)}",
            fix=f"name one of its columns, or {escape}",
        )


class _Parts:
    def __init__(self) -> None:
        self._literals = [""]
        self._columns: list[tuple[str, Encode]] = []

    def literal(self, text: str) -> None:
        self._literals[-1] += text

    def add(
        self,
        literals: Sequence[str],
        columns: Sequence[str],
        encode: Encode,
        literal: Callable[[str], str] = lambda part: part,
    ) -> None:
        self._literals[-1] += literal(literals[0])
        for name, text in zip(columns, literals[1:], strict=True):
            self._columns.append((name, encode))
            self._literals.append(literal(text))

    def template(self) -> Template:
        return Template(self._literals, self._columns)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
