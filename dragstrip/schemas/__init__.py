"""JSON Schemas of what is stored or printed for machines, made from the models.

`python -m dragstrip.schemas` writes them beside this file, `dragstrip schema` prints them. The
version in a schema's `$id` is the `schema_version` of the documents that it describes.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from dragstrip.analysis.capacity_model import Capacity
from dragstrip.analysis.history import History
from dragstrip.analysis.regression_model import Regression
from dragstrip.analysis.soak_model import Soak
from dragstrip.config.config import Config
from dragstrip.run.model import Run, Verdict
from dragstrip.version import VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel

MODELS: dict[str, type[BaseModel]] = {
    "run": Run,
    "verdict": Verdict,
    "comparison": Regression,
    "history": History,
    "capacity": Capacity,
    "soak": Soak,
}
CONFIG = "config"


def schema_of(name: str) -> dict[str, Any]:
    """Make the schema of one of MODELS."""
    model = MODELS[name]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dragstrip:{name}:{model.model_fields['schema_version'].default}",
        **model.model_json_schema(mode="serialization"),
    }


def schema_of_config() -> dict[str, Any]:
    """Make the schema of dragstrip.toml, which says nothing of environment variables."""
    schema = Config.model_json_schema(mode="validation")
    del schema["properties"]["environment"], schema["$defs"]["Environment"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:dragstrip:config:{VERSION}",
        **schema,
        "title": "dragstrip.toml",
        "description": "What is raced, how, and by which rule.",
    }


def text_of(name: str) -> str:
    """Return the schema as it is shipped, or as it is made of the configuration's models."""
    if name == CONFIG:
        return json.dumps(schema_of_config(), indent=2) + "\n"
    return files(__package__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
