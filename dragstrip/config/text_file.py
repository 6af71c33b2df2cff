"""Text files that a configuration or a flag names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.cleaning import decode
from dragstrip.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def text_of(path: Path, place: str, fix: str) -> str:
    """Return a file's text. Raises ConfigError with `place`, the field or flag that named it."""
    try:
        return decode(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{place}: cannot read {path}: {reason}", fix=fix) from None
