"""Text files that a configuration or a flag names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.cleaning import decode
from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


MOST_BYTES = 2**26
"""Of a file that is read whole: /dev/zero would take all memory."""


def content_of(path: Path) -> bytes:
    """Return what a file holds. Raises OSError, and ValueError where that is too much."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES // 2**20} MiB")
    return content


def text_of(path: Path, place: str, fix: str) -> str:
    """Return a file's text. Raises ConfigError with `place`, the field or flag that named it."""
    try:
        return decode(content_of(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{place}: cannot read {path}: {reason}", fix=fix) from None
