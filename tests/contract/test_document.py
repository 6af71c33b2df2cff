"""docs/openapi.yaml is a sound document and speaks of the paths that the harness asks."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
import yaml
from jsonschema import Draft202012Validator
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.definitions import OPENAPI_31

from dragstrip.scenario.kinds import kinds
from tests.contract.conftest import LOOKUPS, WEBHOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return loaded


def _problems(document: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(OPENAPI_31).iter_errors(document)]


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert _problems(document) == []


def test_an_unsound_document_would_be_found(document: dict[str, Any]) -> None:
    broken = copy.deepcopy(document)
    broken["components"]["parameters"]["Phone"]["in"] = "path of the wrong kind"
    assert _problems(broken)


def test_every_schema_in_it_is_sound(document: dict[str, Any]) -> None:
    schemas = list(_schemas(document))
    assert len(schemas) > 15
    for schema in schemas:
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = list(_values(document, "$ref"))
    assert references
    for reference in references:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    components = {"components": document["components"]}
    checked = 0
    for medium in _values(document, "application/json"):
        validator = Draft202012Validator({**components, **medium["schema"]})
        for example in medium["examples"].values():
            validator.validate(example["value"])
            checked += 1
    assert checked >= 7


def test_it_states_exactly_the_paths_that_the_targets_ask(document: dict[str, Any]) -> None:
    stated = {
        method: {path for path, operations in document["paths"].items() if method in operations}
        for method in ("get", "post")
    }
    assert stated == {"get": set(_paths("lookup")), "post": set(_paths("message"))}
    assert {m for operations in document["paths"].values() for m in operations} == {"get", "post"}


def test_the_fuzzer_reads_every_operation() -> None:
    operations = list(schemathesis.openapi.from_path(DOCUMENT).get_all_operations())
    assert len(operations) == len(_paths("lookup")) + len(_paths("message"))
    assert all(isinstance(operation, Ok) for operation in operations)


def _paths(operation: str) -> list[str]:
    # The direct paths are the vendors' own APIs, which the contract does not state.
    names = {"lookup": LOOKUPS, "message": WEBHOOKS}[operation]
    return [kinds()[name].paths[operation] for name in names]


def _schemas(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from document["components"]["schemas"].values()
    yield from (schema for schema in _values(document, "schema") if isinstance(schema, dict))


def _values(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for value in node.values():
            yield from _values(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value, key)
