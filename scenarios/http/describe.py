"""From the settings, and the files that they name, to the description of every request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dragstrip.config.header_values import absolute
from dragstrip.config.text_file import text_of
from dragstrip.errors import ConfigError
from scenarios.http import curl, openapi, vegeta
from scenarios.http.described import Body, DescribedOperation, DescribedTarget, Description

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dragstrip.config.config import TargetConfig
    from scenarios.http.data_file import DataFile
    from scenarios.http.settings import EndpointSettings, Expectation, RequestFields

_FORM = "application/x-www-form-urlencoded"


def describe(
    settings: EndpointSettings, targets: Mapping[str, TargetConfig], data: DataFile | None
) -> Description:
    """Return what is asked. Raises ConfigError naming the field or file that is wrong."""
    operations = _operations(settings, data.columns if data else ())
    if len(operations) > 1:
        for name, target in targets.items():
            if target.path is not None:
                raise ConfigError(
                    f"targets.{name}.path: there are {len(operations)} operations, each with its "
                    "own path",
                    fix="leave it out; a path that all share belongs to the url",
                )
    return Description(
        operations=operations,
        targets={
            name: DescribedTarget(absolute(target.own_headers), target.path)
            for name, target in targets.items()
        },
        data=data.path.absolute() if data else None,
        sha256=data.sha256 if data else None,
        keep_failures=settings.keep_failures,
    )


def _operations(settings: EndpointSettings, columns: Sequence[str]) -> list[DescribedOperation]:
    common, expect = settings.headers, settings.expect
    if settings.curl:
        copied = [curl.read(settings.curl)]
    elif settings.vegeta:
        copied = vegeta.read(settings.vegeta)
    elif settings.openapi and settings.operation:
        copied = [openapi.read(settings.openapi, settings.operation, columns)]
    elif settings.operations:
        return [
            _operation(one, f"scenario.operations.{number}", one.name, one.weight, settings)
            for number, one in enumerate(settings.operations)
        ]
    else:
        return [_operation(settings, "scenario", "request", 1.0, None)]
    return [_with(operation, common, expect) for operation in copied]


def _operation(
    fields: RequestFields,
    source: str,
    name: str,
    weight: float,
    common: EndpointSettings | None,
) -> DescribedOperation:
    body, content_type = _body(fields, source)
    headers = {**(common.headers if common else {}), **fields.headers}
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["content-type"] = content_type
    expect = fields.expect
    if common and "expect" not in fields.model_fields_set:
        expect = common.expect
    return DescribedOperation(
        name=name,
        source=source,
        method=fields.method or "GET",
        path=fields.path,
        weight=weight,
        headers=absolute(headers),
        body=body,
        expect=_with_absolute_schema(expect),
    )


def _body(fields: RequestFields, source: str) -> tuple[Body | None, str | None]:
    """Return the body and its content type."""
    if fields.has("json"):
        return Body("json", fields.json_body), fields.content_type or "application/json"
    if fields.has("form"):
        return Body("form", fields.form), fields.content_type or _FORM
    if fields.body is None:
        return None, fields.content_type
    text = _text(fields.body, f"{source}.body")
    declared = fields.content_type or next(
        (value for name, value in fields.headers.items() if name.lower() == "content-type"), None
    )
    document = _document(text)
    if declared is None and isinstance(document, (dict, list)):
        return Body("json", document), "application/json"
    if declared is not None and "json" in declared.lower():
        if document is None:
            raise ConfigError(
                f"{source}.body: it is not JSON, but its content type is",
                fix='correct it; a placeholder stands in quotes, as in {"id": "{id}"}',
            )
        return Body("json", document), declared
    return Body("raw", text), declared


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _text(body: str, field: str) -> str:
    if not body.startswith("@"):
        return body
    return text_of(Path(body[1:]), field, "correct --body @FILE")


def _with(
    operation: DescribedOperation, common: Mapping[str, str], expect: Expectation
) -> DescribedOperation:
    given = {name.lower() for name in common}
    kept = {name: value for name, value in operation.headers.items() if name.lower() not in given}
    return DescribedOperation(
        name=operation.name,
        source=operation.source,
        method=operation.method,
        path=operation.path,
        weight=operation.weight,
        headers={**kept, **absolute(common)},
        body=operation.body,
        expect=_with_absolute_schema(expect),
        copied=True,
    )


def _with_absolute_schema(expect: Expectation) -> Expectation:
    if expect.schema_file is None:
        return expect
    return expect.model_copy(update={"schema_file": expect.schema_file.absolute()})
