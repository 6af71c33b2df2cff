"""Files that a reader finds whole or not at all: a writer fills a sibling, then renames it."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOT_OFFERED = frozenset({errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
"""What a file system says of a call that it does not know, as symlink and fsync on some."""


def write(
    file: Path, content: bytes | str, *, durable: bool = False, private: bool = False
) -> None:
    """Put this into the file's place. Raises OSError, and leaves the file as it was.

    A durable file is on the disk when this returns; a private one is readable by its owner alone.
    """
    with filling(file) as fresh:
        flags = os.O_WRONLY | (os.O_CREAT | os.O_EXCL if fresh != file else 0)
        with os.fdopen(os.open(fresh, flags, 0o600 if private else 0o666), "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if durable:
                stream.flush()
                _sync(stream.fileno())


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise


def write_json(file: Path, content: Any, *, durable: bool = False) -> None:
    """Put this as JSON into the file's place. Raises OSError."""
    write(file, orjson.dumps(content), durable=durable)


@contextmanager
def filling(file: Path) -> Iterator[Path]:
    """Yield the path to write to. It takes the file's place when the block raises no error.

    A link stays one. What is no file (a pipe, /dev/stdout) is written to as it is: root could put a
    file into its place.
    """
    if file.exists() and not file.is_file():
        yield file
        return
    if file.is_file() and file.is_symlink():
        file = file.resolve()
    fresh = _fresh(file)
    fresh.unlink(missing_ok=True)
    try:
        yield fresh
        fresh.replace(file)
    finally:
        with suppress(OSError):
            fresh.unlink()


def read_json(file: Path) -> Any:
    """Return what was put there last; None when there is nothing to read."""
    with suppress(OSError, orjson.JSONDecodeError):
        return orjson.loads(file.read_bytes())
    return None


def remove(file: Path) -> None:
    """Remove it, if it is there, and what a writer that was killed has left beside it."""
    for path in (file, _fresh(file)):
        with suppress(OSError):
            path.unlink()


def _fresh(file: Path) -> Path:
    return file.with_name(f"{file.name}.new")
