"""What the benchmarks of the whole instrument look up, and where."""

from __future__ import annotations

from urllib.parse import quote

from seeding.dataset.dataset import Dataset

DATASET = Dataset(42, 2000)
PATHS = ("/api/contacts/by-phone", "/http/contacts/getByPhone")
"""Where the baseline and the challenger are asked."""
API_KEY = "benchmark-key-0123456789"


def lookup_path(base: str, key: int) -> str:
    """Return the path and query that look a contact up."""
    phone, workspace = DATASET.phone(key), DATASET.workspace_id(key)
    return f"{base}?phone={quote(phone, safe='')}&workspace_id={quote(workspace, safe='')}"
