"""Processes, told apart by when they were born, so that a reused pid is never signalled."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel, ConfigDict

from dragstrip.operating_system import IS_LINUX

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK_VARIABLE = "DRAGSTRIP_LAB_MARK"
_POLL_S = 0.02


class Identity(BaseModel):
    """A process: its pid, and a text that says when it was born."""

    model_config = ConfigDict(frozen=True)

    pid: int
    birth: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Return the identity of a running process; None when there is none."""
        birth = _birth(pid)
        return None if birth is None else cls(pid=pid, birth=birth)

    @property
    def alive(self) -> bool:
        """Whether this very process runs. A zombie does not."""
        return _birth(self.pid) == self.birth

    def signal(self, number: int) -> None:
        """Send a signal if this very process still runs."""
        if self.alive:
            _quietly(os.kill, self.pid, number)

    def kill_group(self) -> None:
        """Kill the process and the group it leads, if this very process still runs."""
        if self.alive:
            _quietly(os.killpg, self.pid, signal.SIGKILL)
            _quietly(os.kill, self.pid, signal.SIGKILL)


def wait_gone(processes: Iterable[Identity], timeout_s: float) -> list[Identity]:
    """Wait until all have ended; return those that have not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    left = [process for process in processes if process.alive]
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = [process for process in left if process.alive]
    return left


def listens(pid: int, port: int) -> bool:
    """Whether the process, or a descendant of it, accepts connections on the port."""
    try:
        process = psutil.Process(pid)
        return any(
            found.status == psutil.CONN_LISTEN and found.laddr and found.laddr[1] == port
            for member in (process, *process.children(recursive=True))
            for found in member.net_connections(kind="tcp")
        )
    except psutil.Error:
        return False


def wait_reaped(processes: Iterable[Identity], timeout_s: float) -> None:
    """Wait until no process is a zombie that somebody else has yet to reap.

    PostgreSQL takes the zombie of a killed postmaster for a running one and refuses to start.
    """
    deadline = time.monotonic() + timeout_s
    pids = [process.pid for process in processes]
    while any(_is_zombie_of_another(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def marked(mark: str) -> list[Identity]:
    """Return every process that carries the mark of one lab's home, this one excepted."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            carries = process.environ().get(MARK_VARIABLE) == mark
        except (psutil.Error, OSError):
            continue
        identity = Identity.of(process.pid) if carries else None
        if identity is not None:
            found.append(identity)
    return found


def _quietly(call: object, pid: int, number: int) -> None:
    assert callable(call)  # noqa: S101
    try:
        call(pid, number)
    except (ProcessLookupError, PermissionError):
        # It ended in between, or the pid now belongs to somebody else's process.
        return


def _is_zombie_of_another(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.ppid() != os.getpid()
    except psutil.Error:
        return False


def _birth(pid: int) -> str | None:
    if IS_LINUX:
        return _birth_on_linux(pid)
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.6f}"
    except psutil.Error:
        return None


def _birth_on_linux(pid: int) -> str | None:
    # Ticks since boot, with the boot's own name: unlike wall time they never shift with the clock.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] in {"Z", "X"}:
        return None
    return f"{boot}:{fields[19]}"
