"""Small JSON files by which processes tell each other where they are: read whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path


def replace(file: Path, content: Any) -> None:
    """Put this into the file's place. Raises OSError."""
    fresh = _fresh(file)
    fresh.write_bytes(orjson.dumps(content))
    fresh.replace(file)


def read(file: Path) -> Any:
    """Return what was put there last; None when there is nothing to read."""
    with suppress(OSError, orjson.JSONDecodeError):
        return orjson.loads(file.read_bytes())
    return None


def remove(file: Path) -> None:
    """Remove it, if it is there, and what a writer that was killed has left beside it."""
    for one in (file, _fresh(file)):
        with suppress(OSError):
            one.unlink()


def _fresh(file: Path) -> Path:
    return file.with_name(f"{file.name}.new")
