"""The fields of [scenario] for the scenario `endpoint`, checked one by one."""

from __future__ import annotations

import difflib
import types
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dragstrip.config.headers import Headers  # noqa: TC001
from dragstrip.errors import ConfigError
from dragstrip.strict_model import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
OperationName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, (str, int)) else value


class _Fields(StrictModel):
    model_config = ConfigDict(populate_by_name=True)


class Expectation(_Fields):
    """What a right answer is; every part that is given must hold.

    Without `status`, any 2xx will do. With `same`, both targets must answer alike, except where
    JSONPaths of `ignore` lead. `schema` is a file with a JSON Schema. The answer holds every text
    of `contains`, and every header of `header` with that value. Its JSON at the JSONPath `at`, or
    the whole answer, equals the value of the data file's `column`.
    """

    status: Annotated[
        tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_as_list)
    ] = ()
    same: bool = False
    ignore: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    schema_file: Path | None = Field(default=None, alias="schema")
    unordered: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    tolerance: float | None = Field(default=None, ge=0)
    contains: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    matches: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    header: dict[str, str] = Field(default_factory=dict)
    column: str | None = None
    at: str | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for name in ("ignore", "unordered", "tolerance"):
            if getattr(self, name) not in {(), None} and not self.same:
                raise ValueError(f"{name} needs same = true (--same-answers)")
        if self.at is not None and self.column is None:
            raise ValueError("at needs column, the column with the expected value")
        return self


class RequestFields(_Fields):
    """What one kind of request is made of; at most one of `json`, `body` and `form`."""

    method: Method | None = None
    path: str | None = None
    headers: Headers = Field(default_factory=dict)
    json_body: Any = Field(default=None, alias="json")
    body: str | None = None
    form: dict[str, str] | None = None
    content_type: str | None = None
    expect: Expectation = Expectation()

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        bodies = [name for name in ("json", "body", "form") if self.has(name)]
        if len(bodies) > 1:
            raise ValueError(f"{' and '.join(bodies)} exclude each other; give one of them")
        if bodies and self.method is None:
            raise ValueError(
                f'{bodies[0]}: a GET has no body; give method = "POST" (--method POST), or '
                "another method"
            )
        return self

    def has(self, body: str) -> bool:
        """Whether it has a body that is given as `json`, `body` or `form`."""
        name = "json_body" if body == "json" else body
        return name in self.model_fields_set and getattr(self, name) is not None


class OperationSettings(RequestFields):
    """One kind of request: its name, and its share of the requests."""

    name: OperationName = "request"
    weight: float = Field(default=1.0, gt=0, le=1_000_000)


class EndpointSettings(RequestFields):
    """All of [scenario] but its name.

    Its own request fields describe the only operation; or `operations` do, and then `headers` and
    `expect` are what these have in common. `curl`, `vegeta` and `openapi` name files that describe
    the requests instead.
    """

    data: Path | None = None
    curl: Path | None = None
    vegeta: Path | None = None
    openapi: Path | None = None
    operation: str | None = None
    operations: tuple[OperationSettings, ...] = ()
    keep_failures: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = [
            name for name in ("curl", "vegeta", "openapi", "operations") if getattr(self, name)
        ]
        if len(sources) > 1:
            raise ValueError(f"{' and '.join(sources)} exclude each other; give one of them")
        if (self.operation is not None) != (self.openapi is not None):
            raise ValueError(
                "openapi and operation (--openapi FILE --operation ID) need each other"
            )
        own = ("method", "path", "json_body", "body", "form", "content_type")
        given = [name.removesuffix("_body") for name in own if name in self.model_fields_set]
        if sources and given:
            raise ValueError(f"{given[0]} and {sources[0]} exclude each other; give one of them")
        names = [operation.name for operation in self.operations]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f'operations: two are named "{twice}"; give each a name of its own')
        return self


def read(settings: Mapping[str, object]) -> EndpointSettings:
    """Check the fields of [scenario]. Raises ConfigError naming each that is wrong."""
    try:
        return EndpointSettings.model_validate(dict(settings))
    except ValidationError as error:
        problems = [f"{_place(e)}: {_words(e)}" for e in error.errors()]
        raise ConfigError("; ".join(problems), fix="correct the fields named") from None


def _place(error: ErrorDetails) -> str:
    return ".".join(["scenario", *(str(part) for part in error["loc"])])


def _words(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        known = _fields_at(error["loc"][:-1])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        return f"unknown field; {hint}"
    # No value is quoted: it may be a secret in the wrong place.
    return error["msg"].removeprefix("Value error, ")


def _fields_at(place: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = EndpointSettings
    for part in place:
        field = next(
            (f for n, f in model.model_fields.items() if part in {n, f.alias}),
            None,
        )
        if field is not None:
            model = _model_in(field.annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {tuple, Union, types.UnionType}:
        return next((m for m in map(_model_in, get_args(annotation)) if m), None)
    return None
