"""One command at a time: an advisory lock on a file, let go by the kernel however we end."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from dragstrip.lab.paths import home_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextlib.contextmanager
def held(file: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock; call `on_wait` once if another process holds it. Raises LabError."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise home_error(file, error) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
