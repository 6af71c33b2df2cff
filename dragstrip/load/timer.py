"""Wakes the event loop at a time of the monotonic clock, to a few microseconds on Linux.

The event loop's own timers end on whole milliseconds there, because it waits by epoll_wait. A
timerfd is a file that becomes readable when it is time, whatever the loop's clock says; it is not
subject to the kernel's timer slack either. Elsewhere the loop's timer serves.
"""

from __future__ import annotations

import ctypes
import os
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from gevent.hub import get_hub

from dragstrip.operating_system import IS_LINUX

if TYPE_CHECKING:
    from collections.abc import Callable

NEVER_NS = 1 << 62

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_READABLE = 1
_SECOND_NS = 1_000_000_000

_NEAR_NS = 50_000
"""Nearer than this, looking again and again takes less processor time than a timer and a sleep.

So it was found in a virtual machine, where the hypervisor has its part in both: `cost` in
docs/benchmarks.md.
"""


class Timer:
    """Calls back from the event loop when the time it is `set` to has come; make it there.

    The callback runs in the hub: it must not wait, but may switch to greenlets that do. It may set
    the timer again.
    """

    __slots__ = ("_at_ns", "_callback", "_clock", "_is_calling")

    def __init__(self, callback: Callable[[], None], *, precise: bool = IS_LINUX):
        self._callback = callback
        self._at_ns = NEVER_NS
        self._is_calling = False
        self._clock = _TimerFile(self._fire) if precise else _LoopTimer(self._fire)

    def set(self, at_ns: int) -> None:
        """Call back at `at_ns`, at once if that is past, and at no other time."""
        self._at_ns = at_ns
        if not self._is_calling:
            self._clock.set(at_ns)

    def clear(self) -> None:
        """Do not call back."""
        self.set(NEVER_NS)

    def close(self) -> None:
        """Give the timer back. It cannot be set again."""
        self._clock.close()

    def _fire(self) -> None:
        # A loop's timer may be early by the loop's own resolution.
        if monotonic_ns() >= self._at_ns:
            self._at_ns = NEVER_NS
            self._is_calling = True
            try:
                self._callback()
            finally:
                self._is_calling = False
        self._clock.set_again(self._at_ns)


class _TimerFile:
    """A timerfd. Setting it also takes back that it was readable, so it is never read.

    Until then it stays readable, and the loop comes back to it without a sleep.
    """

    __slots__ = ("_file", "_place", "_spec", "_watcher")

    def __init__(self, fire: Callable[[], None]) -> None:
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._file = _libc().timerfd_create(_CLOCK_MONOTONIC, flags)
        if self._file < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"no timer: {os.strerror(code)}")
        # it_interval and it_value, each seconds and nanoseconds.
        self._spec = (ctypes.c_long * 4)()
        self._place = ctypes.addressof(self._spec)
        loop = get_hub().loop
        # What is due goes out before what has come in is read.
        self._watcher = loop.io(self._file, _READABLE, priority=loop.MAXPRI)
        self._watcher.start(fire)

    def set(self, at_ns: int) -> None:
        spec = self._spec
        # All zeros stop it.
        spec[2], spec[3] = divmod(max(at_ns, 1), _SECOND_NS) if at_ns != NEVER_NS else (0, 0)
        _libc().timerfd_settime(self._file, _TFD_TIMER_ABSTIME, self._place, None)

    def set_again(self, at_ns: int) -> None:
        # What has just fired is readable still.
        if at_ns - monotonic_ns() > _NEAR_NS:
            self.set(at_ns)

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        os.close(self._file)


class _LoopTimer:
    """The event loop's timer: as precise as the system call that the loop waits by."""

    __slots__ = ("_fire", "_timer")

    def __init__(self, fire: Callable[[], None]) -> None:
        self._fire = fire
        self._timer: Any = None

    def set(self, at_ns: int) -> None:
        self.close()
        if at_ns != NEVER_NS:
            pause_s = max(0, at_ns - monotonic_ns()) / 1e9
            self._timer = get_hub().loop.timer(pause_s)
            self._timer.start(self._fire, update=True)

    def set_again(self, at_ns: int) -> None:
        self.set(at_ns)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None


_library: Any = None


def _libc() -> Any:
    global _library
    if _library is None:
        # These calls never wait, so there is no point in giving up the interpreter's lock.
        _library = ctypes.PyDLL(None, use_errno=True)
        _library.timerfd_settime.argtypes = [
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
    return _library
