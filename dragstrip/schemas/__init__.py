"""JSON Schemas of the stored files; `python -m dragstrip.schemas` makes them from the models."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from dragstrip.analyse.model import Run, Verdict

if TYPE_CHECKING:
    from pydantic import BaseModel

MODELS: dict[str, type[BaseModel]] = {"run": Run, "verdict": Verdict}


def schema_of(name: str) -> dict[str, Any]:
    """Make the schema of "run" or "verdict" from its model."""
    made = MODELS[name].model_json_schema(mode="serialization")
    return {"$schema": Draft202012Validator.META_SCHEMA["$schema"], **made}


@cache
def validator(name: str) -> Draft202012Validator:
    """Return a validator by the shipped schema."""
    shipped = files(__package__).joinpath(f"{name}.schema.json").read_text()
    return Draft202012Validator(
        json.loads(shipped), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
