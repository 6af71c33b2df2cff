"""The services' log files."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TAIL_BYTES = 256 * 1024
_POLL_S = 0.2


def rotate(log: Path) -> None:
    """Start an empty log; the one before is kept beside it."""
    if log.exists() and log.stat().st_size:
        log.replace(log.with_name(log.name + ".1"))
    log.touch(mode=0o600)


def tail(log: Path, lines: int) -> list[str]:
    """Return the last lines, without their ends; none when there is no log."""
    if lines <= 0:
        return []
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]


def follow(log: Path) -> Iterator[str]:
    """Yield what is added to the log, for ever; a log that is started anew is read from its top."""
    position = log.stat().st_size if log.exists() else 0
    while True:
        size = log.stat().st_size if log.exists() else 0
        if size < position:
            position = 0
        if size > position:
            with log.open("rb") as file:
                file.seek(position)
                chunk = file.read()
            position += len(chunk)
            yield chunk.decode(errors="replace")
        else:
            time.sleep(_POLL_S)
