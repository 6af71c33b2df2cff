"""Validates documents by the schemas that are shipped."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from dragstrip import schemas


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        json.loads(schemas.text_of(name)), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
