"""JSON Schemas of what is stored or printed for machines, made from the models.

`python -m dragstrip.schemas` writes them beside this file, `dragstrip schema` prints them. The
version in a schema's `$id` is the `schema_version` of the documents that it describes.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from dragstrip.analysis.history import History
from dragstrip.analysis.regression_model import Regression
from dragstrip.run.model import Run, Verdict

if TYPE_CHECKING:
    from pydantic import BaseModel

MODELS: dict[str, type[BaseModel]] = {
    "run": Run,
    "verdict": Verdict,
    "comparison": Regression,
    "history": History,
}


def schema_of(name: str) -> dict[str, Any]:
    """Make the schema of one of MODELS."""
    model = MODELS[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dragstrip:{name}:{model.model_fields['schema_version'].default}",
        **model.model_json_schema(mode="serialization"),
    }


def text_of(name: str) -> str:
    """Return the schema as it is shipped."""
    return files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
