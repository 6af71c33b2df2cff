"""An operation of an OpenAPI document: its method, its path, and parameters from columns."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dragstrip.errors import ConfigError
from scenarios.http.copied import METHODS, path_of, text_of_file
from scenarios.http.described import Body, DescribedOperation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MOST_REFERENCES = 16
_PARAMETER = re.compile(r"\{([^{}]*)\}")


def read(path: Path, operation_id: str, columns: Sequence[str]) -> DescribedOperation:
    """Return the operation of that operationId. Raises ConfigError.

    A parameter is filled from the column of its name, or from its example or default.
    """
    place = f"scenario.openapi: {path.name}"
    reader = _Reader(_document(path, place), f"{place}, {operation_id}", columns)
    return reader.operation(operation_id, place)


class _Reader:
    def __init__(self, document: dict[str, Any], place: str, columns: Sequence[str]) -> None:
        self._document = document
        self._place = place
        self._columns = columns

    def operation(self, operation_id: str, place: str) -> DescribedOperation:
        known: list[str] = []
        for path, item in self._document.get("paths", {}).items():
            for method, operation in self._resolve(item).items():
                if method.upper() not in METHODS or not isinstance(operation, dict):
                    continue
                if operation.get("operationId") == operation_id:
                    return self._described(path, method.upper(), self._resolve(item), operation)
                known.append(str(operation.get("operationId", f"{method} {path}")))
        raise ConfigError(
            f"{place}: there is no operation {operation_id}",
            fix="give --operation one of " + ", ".join(known[:20]),
        )

    def _described(
        self, path: str, method: str, item: dict[str, Any], operation: dict[str, Any]
    ) -> DescribedOperation:
        parameters = {
            (one["in"], one["name"]): one
            for one in map(
                self._resolve, [*item.get("parameters", []), *operation.get("parameters", [])]
            )
        }

        def in_path(found: re.Match[str]) -> str:
            parameter = parameters.get(("path", found[1]), {})
            return self._value(found[1], parameter, required=True) or ""

        query: list[str] = []
        headers: dict[str, str] = {}
        for (where, name), parameter in parameters.items():
            if where not in {"query", "header"}:
                continue
            value = self._value(name, parameter, required=bool(parameter.get("required")))
            if value is not None and where == "query":
                query.append(f"{quote(name)}={value}")
            elif value is not None:
                headers[name] = value
        body, content_type = self._body(operation)
        if content_type:
            headers["content-type"] = content_type
        filled = self._prefix() + _PARAMETER.sub(in_path, path)
        return DescribedOperation(
            name="request",
            source=self._place,
            method=method,
            path=filled + ("?" + "&".join(query) if query else ""),
            headers=headers,
            body=body,
            copied=True,
        )

    def _prefix(self) -> str:
        """Return the path of the document's server; its host is the targets' to say."""
        servers = self._document.get("servers") or [{"url": "/"}]
        return path_of(str(servers[0].get("url", "/")), self._place).rstrip("/")

    def _value(self, name: str, parameter: dict[str, Any], *, required: bool) -> str | None:
        if name in self._columns:
            return "{" + name + "}"
        if not required:
            return None
        schema = self._resolve(parameter.get("schema", {}))
        examples = [
            self._resolve(one).get("value") for one in parameter.get("examples", {}).values()
        ]
        given = [parameter.get("example"), *examples, schema.get("example"), schema.get("default")]
        value = next((one for one in [*given, *schema.get("enum", [])] if one is not None), None)
        if value is None:
            raise ConfigError(
                f"{self._place}: the parameter {name} has no column, example or default",
                fix=f"give --data FILE with a column {name}",
            )
        return quote(value if isinstance(value, str) else json.dumps(value), safe="")

    def _body(self, operation: dict[str, Any]) -> tuple[Body | None, str | None]:
        request = self._resolve(operation.get("requestBody", {}))
        content = request.get("content", {})
        kind = next((one for one in content if "json" in one), None)
        if kind is None:
            if request.get("required"):
                raise ConfigError(
                    f"{self._place}: its body is not JSON", fix="describe the request by flags"
                )
            return None, None
        media = content[kind]
        schema = self._resolve(media.get("schema", {}))
        example = media.get("example", schema.get("example"))
        document = self._json(schema, example)
        if document is None and request.get("required"):
            raise ConfigError(
                f"{self._place}: its body has neither an example nor properties with columns",
                fix="give --data FILE with a column for each property",
            )
        return (None, None) if document is None else (Body("json", document), kind)

    def _json(self, schema: dict[str, Any], example: Any) -> Any:
        properties = schema.get("properties", {})
        if not properties or not (example is None or isinstance(example, dict)):
            return example
        document = dict(example or {})
        for name, raw in properties.items():
            inner = self._resolve(raw)
            given = inner.get("example", inner.get("default"))
            if name in self._columns:
                document[name] = "{" + name + "}"
            elif name not in document and given is not None:
                document[name] = given
            elif name not in document and name in schema.get("required", []):
                raise ConfigError(
                    f"{self._place}: the property {name} of its body has no column or example",
                    fix=f"give --data FILE with a column {name}",
                )
        return document

    def _resolve(self, part: Any) -> Any:
        """Follow references within the document."""
        for _ in range(_MOST_REFERENCES):
            if not (isinstance(part, dict) and "$ref" in part):
                return part
            reference, found = str(part["$ref"]), self._document
            for name in reference.removeprefix("#/").split("/"):
                name = name.replace("~1", "/").replace("~0", "~")
                if not (reference.startswith("#/") and isinstance(found, dict) and name in found):
                    raise ConfigError(
                        f"{self._place}: {reference} is not in the document",
                        fix="use a document without references to other files",
                    )
                found = found[name]
            part = found
        raise ConfigError(f"{self._place}: references form a cycle", fix="correct them")


def _document(path: Path, place: str) -> dict[str, Any]:
    text = text_of_file(path, "openapi")
    document: Any = None
    try:
        document = json.loads(text)
    except ValueError:
        if path.suffix.lower() == ".json":
            raise ConfigError(f"{place}: it is not JSON", fix="correct it") from None
        document = _yaml(text, place)
    if not (isinstance(document, dict) and isinstance(document.get("paths"), dict)):
        raise ConfigError(f"{place}: it has no paths", fix="name an OpenAPI document")
    return document


def _yaml(text: str, place: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{place}: it is neither JSON nor YAML", fix="correct it") from None
