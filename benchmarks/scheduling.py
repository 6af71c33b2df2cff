"""Where and how urgently a benchmark's processes run.

Under Linux's first-in-first-out scheduling a process that is ready runs before everything that is
scheduled as usual: what else goes on on the machine does not get into the figures. Where the system
does not grant that, a higher priority is asked for, and the figures need a quiet machine.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIORITY = -10


def come_first() -> str:
    """Run this process before all others that it can; return the name of how that was reached."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
            return f"nice {_PRIORITY}"
        return "usual"
    return "first in, first out"


@contextmanager
def placed(cores: set[int], *, first: bool = True) -> Iterator[None]:
    """Hold this process, and what it starts, to some cores; let it come `first`."""
    where, how = os.sched_getaffinity(0), os.sched_getscheduler(0)
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setaffinity(0, cores)
    if first:
        come_first()
    try:
        yield
    finally:
        os.sched_setaffinity(0, where)
        if first:
            os.sched_setscheduler(0, how, os.sched_param(0))
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, 0, priority)
