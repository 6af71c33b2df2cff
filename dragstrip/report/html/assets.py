"""The files beside the HTML report's template, and the policy that names them by their hashes."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Path(__file__).parent / "assets"
LIBRARY = "charts.js"
"""Vega, Vega-Lite and Vega-Embed in one script; hatch_build.py writes it at installation."""


@cache
def text_of(name: str) -> str:
    """Return an asset that is part of the source."""
    return (FOLDER / name).read_text(encoding="utf-8")


def charts_library() -> str:
    """Return the charts' library. Raises StorageError."""
    try:
        return text_of(LIBRARY)
    except FileNotFoundError:
        raise StorageError(
            "the charts' library, which the installation builds, is missing",
            fix="install dragstrip again, e.g. `pip install --editable .`",
        ) from None


def policy(*, scripts: Iterable[str], style: str) -> str:
    """Return a Content-Security-Policy under which a page has these scripts and nothing else."""
    sources = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {sources}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
