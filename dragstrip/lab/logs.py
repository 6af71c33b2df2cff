"""The services' log files. What is read of them is shown, so that it holds no known secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dragstrip.redact import redact

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
    return _end_of(log, lines)[0]


def follow(log: Path, lines: int) -> Iterator[str]:
    """Yield the last lines, then what is added, for ever; a log begun anew is read from its top."""
    last, position = _end_of(log, lines)
    yield from (f"{line}\n" for line in last)
    rest = ""
    while True:
        size = log.stat().st_size if log.exists() else 0
        if size < position:
            position, rest = 0, ""
        if size > position:
            with log.open("rb") as file:
                file.seek(position)
                chunk = file.read()
            position += len(chunk)
            # Whole lines: what is written in two pieces may hold a secret that neither does.
            whole, end, rest = (rest + chunk.decode(errors="replace")).rpartition("\n")
            yield redact(whole + end)
        elif rest:
            yield redact(rest)
            rest = ""
        else:
            time.sleep(_POLL_S)


def _end_of(log: Path, lines: int) -> tuple[list[str], int]:
    """Return the last lines and where they end."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES)
            end = file.tell()
    except FileNotFoundError:
        return [], 0
    shown = redact(text.decode(errors="replace")).splitlines()[-lines:] if lines > 0 else []
    return shown, end
