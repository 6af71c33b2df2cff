"""Writes the schemas beside this file."""

import json
from pathlib import Path

from dragstrip.schemas import MODELS, schema_of

for name in MODELS:
    text = json.dumps(schema_of(name), indent=2) + "\n"
    Path(__file__).with_name(f"{name}.schema.json").write_text(text)
