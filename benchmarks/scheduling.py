"""Where and how urgently a benchmark's processes run.

They ask for a higher priority than what else goes on on the machine, where the system grants it.
Real-time scheduling would shut that out altogether, and with it the kernel's own threads: it has
frozen a process inside the kernel for ten minutes. So the figures need a quiet machine.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIORITY = -10


def raise_priority() -> None:
    """Run this process, and what it starts from now on, before others as far as that is granted."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def how() -> str:
    """Return in words how `raise_priority` is granted to this process."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    raise_priority()
    reached = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, before)
    return f"nice {reached}"


@contextmanager
def placed(cores: set[int], *, first: bool = True) -> Iterator[None]:
    """Hold this process, and what it starts, to some cores; let it come `first`.

    Waits until no other benchmark of this machine is in such a block: two that come first would
    keep each other waiting. Do not nest.
    """
    where, priority = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    with _nobody_else():
        os.sched_setaffinity(0, cores)
        if first:
            raise_priority()
        try:
            yield
        finally:
            os.sched_setaffinity(0, where)
            if first:
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, 0, priority)


@contextmanager
def _nobody_else() -> Iterator[None]:
    path = Path(tempfile.gettempdir()) / f"dragstrip-benchmark-{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
