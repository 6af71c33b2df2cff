"""Builds one operation's requests to one target from rows."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from dragstrip.config.header_values import value_of
from dragstrip.config.headers import reference_in
from dragstrip.errors import ConfigError
from dragstrip.scenario import Request
from scenarios.http.template import TemplateReader, in_form, in_json_string

if TYPE_CHECKING:
    from scenarios.http.described import DescribedOperation, DescribedTarget
    from scenarios.http.rows import Rows
    from scenarios.http.template import Template


class RequestBuilder:
    """Returns the request of a key. Raises ConfigError for what cannot be filled in.

    What stands in the environment or in a file is looked up when the first request is built.
    """

    def __init__(
        self, operation: DescribedOperation, target: DescribedTarget, name: str, rows: Rows
    ) -> None:
        read = TemplateReader(rows.columns, lenient=operation.copied)
        own = TemplateReader(rows.columns)
        self._operation = operation
        self._rows = rows
        if target.path is None:
            self._path = _path(read, operation.path, f"{operation.source}.path")
        else:
            self._path = _path(own, target.path, f"targets.{name}.path")
        self._headers: dict[str, Template] = {}
        self._elsewhere: dict[str, tuple[str, str]] = {}
        self._known: dict[str, str] | None = None
        self._filled: dict[str, Template] = {}
        self._add_headers(operation.headers, read, f"{operation.source}.headers")
        self._add_headers(target.headers, own, f"targets.{name}.headers")
        self._body = self._read_body(read)

    @property
    def header_columns(self) -> set[str]:
        """The columns that go into headers."""
        return {column for one in self._headers.values() for column in one.columns}

    @property
    def columns(self) -> set[str]:
        """The columns that requests are filled from."""
        body = self._body.columns if self._body else []
        return self.header_columns | {*self._path.columns, *body}

    @property
    def secret_headers(self) -> set[str]:
        """The headers, in lower case, whose values stand elsewhere."""
        return set(self._elsewhere)

    def __call__(self, key: int) -> Request:
        """Return the request of a key."""
        if self._known is None:
            self._known = {
                name: value_of(text, field) or "" for name, (text, field) in self._elsewhere.items()
            }
            self._known |= {
                name: value.fill({}) for name, value in self._headers.items() if not value.columns
            }
            self._filled = {name: one for name, one in self._headers.items() if one.columns}
        row = self._rows.row(key)
        headers = dict(self._known)
        for name, value in self._filled.items():
            headers[name] = value.fill(row)
        body = self._body.fill(row).encode() if self._body else None
        return Request(self._operation.method, self._path.fill(row), headers, body)

    def _add_headers(self, headers: dict[str, str], read: TemplateReader, field: str) -> None:
        for name, text in headers.items():
            lowered = name.lower()
            self._headers.pop(lowered, None)
            self._elsewhere.pop(lowered, None)
            if reference_in(text):
                self._elsewhere[lowered] = text, f"{field}.{name}"
            else:
                self._headers[lowered] = read.header(text, f"{field}.{name}")

    def _read_body(self, read: TemplateReader) -> Template | None:
        body, source = self._operation.body, self._operation.source
        if body is None:
            return None
        if body.kind == "json":
            return read.json(body.content, f"{source}.json")
        if body.kind == "form":
            return read.form(body.content, f"{source}.form")
        return self._raw(str(body.content), read, f"{source}.body")

    def _raw(self, text: str, read: TemplateReader, field: str) -> Template:
        """Read a body as text, whose values are written as its content type asks for."""
        content_type = self._headers.get("content-type")
        kind = content_type.fill({}).lower() if content_type and not content_type.columns else ""
        if "x-www-form-urlencoded" in kind:
            return read.raw(text, field, in_form)
        plain = read.raw(text, field)
        if plain.columns and "json" in kind:
            with suppress(ValueError):
                return read.json(json.loads(text), field)
            return read.raw(text, field, in_json_string)
        return plain


def _path(read: TemplateReader, path: str | None, field: str) -> Template:
    if path is None:
        raise ConfigError(f"{field} is not set", fix='give one, as path = "/search?q={query}"')
    if "#" in path:
        raise ConfigError(
            f"{field}: a fragment (#) is never sent",
            fix="remove it, or write %23 for the character",
        )
    if not path.startswith("/"):
        raise ConfigError(f"{field}: it must begin with /", fix=f"write /{path[:40]}")
    return read.url(path, field)
