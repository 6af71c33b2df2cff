"""`schema`: the body is JSON that is valid under a JSON Schema.

jsonschema-rs is sixty times as fast as jsonschema and is used where it is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

import jsonschema
import orjson
import referencing.exceptions
from jsonschema.validators import validator_for
from referencing import Registry

from dragstrip.config.text_file import content_of
from dragstrip.errors import ConfigError
from dragstrip.ledger.rows import Outcome

try:
    import jsonschema_rs
except ImportError:
    jsonschema_rs = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dragstrip.scenario import Reply

_OK = int(Outcome.OK)
_WRONG = int(Outcome.WRONG_ANSWER)
_NOT_JSON = int(Outcome.NOT_JSON)
_SHOWN = 160


class Validator(NamedTuple):
    """A compiled schema: whether a document is valid, and what is wrong with it."""

    is_valid: Callable[[Any], bool]
    problem: Callable[[Any], str]


class JsonSchema:
    """Validates bodies. `format` says nothing about validity, as in the standard."""

    __slots__ = ("_name", "_validator")

    def __init__(self, file: Path, *, fast: bool = True) -> None:
        self._name = file.name
        self._validator = compile_schema(file, fast=fast)

    def __call__(self, key: int, reply: Reply) -> int:  # noqa: ARG002
        """Return the Outcome."""
        try:
            document = orjson.loads(reply[3])
        except orjson.JSONDecodeError:
            return _NOT_JSON
        return _OK if self._validator.is_valid(document) else _WRONG

    def explain(self, key: int, reply: Reply) -> str:
        """Return what is wrong."""
        outcome = self(key, reply)
        if outcome == _OK:
            return ""
        if outcome == _NOT_JSON:
            return f"expect.schema is {self._name}, and the body is not JSON"
        problem = self._validator.problem(orjson.loads(reply.body))
        return f"expect.schema: by {self._name}, {problem}"


def compile_schema(file: Path, *, fast: bool = True) -> Validator:
    """Read and compile a schema, once; `fast` by jsonschema-rs if it is there.

    Raises ConfigError.
    """
    try:
        schema = orjson.loads(content_of(file))
    except OSError as error:
        raise ConfigError(
            f"expect.schema: cannot read {file}: {error.strerror}", fix="correct the path"
        ) from None
    except ValueError as error:
        raise ConfigError(
            f"expect.schema: {file} is not JSON: {error}", fix="give a file with a JSON Schema"
        ) from None
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(
            f"expect.schema: {file} is not a JSON Schema: {error.json_path}: {error.message}",
            fix="correct the schema",
        ) from None
    _require_no_other_file(schema, file)
    return _with_rust(schema, file) if fast and jsonschema_rs else _with_python(kind, schema)


def _require_no_other_file(schema: Any, file: Path) -> None:
    # Else the library would fetch it, and nothing may be sent to a host that was not named.
    parts = list(_objects_in(schema))
    base = str(schema.get("$id", "")) if isinstance(schema, dict) else ""
    known = {base} | {_address(base, part["$id"]) for part in parts if _names(part, "$id")}
    for part in parts:
        if _names(part, "$ref") and _address(base, part["$ref"]) not in known:
            raise ConfigError(
                f'expect.schema: {file} refers to "{part["$ref"]}", which is in another file',
                fix="put the definition into the file itself, under $defs",
            )


def _objects_in(schema: Any) -> Iterator[dict[str, Any]]:
    pending = [schema]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, dict):
            yield part
            pending.extend(part.values())


def _names(part: dict[str, Any], keyword: str) -> bool:
    # A property may have this name as well; then a schema stands there.
    return isinstance(part.get(keyword), str)


def _address(base: str, reference: str) -> str:
    return urljoin(base, reference).partition("#")[0]


def _with_rust(schema: Any, file: Path) -> Validator:
    try:
        compiled = jsonschema_rs.validator_for(schema, validate_formats=False, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise ConfigError(
            f"expect.schema: {file} cannot be compiled: {error}".partition("\n")[0],
            fix="correct the schema",
        ) from None

    def problem(document: Any) -> str:
        first = next(compiled.iter_errors(document), None)
        if first is None:
            return "nothing is wrong"
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in first.instance_path)
        return f"${path}: {_cut(first.message)}"

    return Validator(compiled.is_valid, problem)


def _with_python(kind: Any, schema: Any) -> Validator:
    compiled = kind(schema, registry=Registry())

    def is_valid(document: Any) -> bool:
        try:
            return bool(compiled.is_valid(document))
        except referencing.exceptions.Unresolvable:
            return False

    def problem(document: Any) -> str:
        try:
            first = next(compiled.iter_errors(document), None)
        except referencing.exceptions.Unresolvable as error:
            return f"{error.ref} leads nowhere"
        return f"{first.json_path}: {_cut(first.message)}" if first else "nothing is wrong"

    return Validator(is_valid, problem)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
