"""Where and how urgently a benchmark's processes run.

Under Linux's first-in-first-out scheduling a process that is ready runs before everything that is
scheduled as usual: what else goes on on the machine does not get into the figures. Where the system
does not grant that, a higher priority is asked for, and the figures need a quiet machine.
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


def come_first() -> None:
    """Run this process, and what it starts from now on, before all others that it can."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def how() -> str:
    """Return in words how `come_first` is granted to this process."""
    before, priority = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    come_first()
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, before, os.sched_param(0))
        return "first in, first out"
    reached = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, priority)
    return f"nice {reached}"


@contextmanager
def placed(cores: set[int], *, first: bool = True) -> Iterator[None]:
    """Hold this process, and what it starts, to some cores; let it come `first`.

    Waits until no other benchmark of this machine is in such a block: two that come first would
    keep each other waiting. Do not nest.
    """
    where, scheduler = os.sched_getaffinity(0), os.sched_getscheduler(0)
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    with _nobody_else():
        os.sched_setaffinity(0, cores)
        if first:
            come_first()
        try:
            yield
        finally:
            os.sched_setaffinity(0, where)
            if first:
                os.sched_setscheduler(0, scheduler, os.sched_param(0))
                with suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, 0, priority)


@contextmanager
def _nobody_else() -> Iterator[None]:
    path = Path(tempfile.gettempdir()) / f"dragstrip-benchmark-{os.getuid()}.lock"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
