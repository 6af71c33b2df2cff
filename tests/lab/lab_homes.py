"""What the tests of the lab itself share: temporary homes, and what is left of a lab."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from dragstrip.lab import lifecycle, ports
from dragstrip.lab.paths import Home
from dragstrip.lab.processes import MARK_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DRAGSTRIP = str(Path(sys.executable).with_name("dragstrip"))
_TIMEOUT_S = 60.0


@contextlib.contextmanager
def temporary_home(within: Path | None = None) -> Iterator[Path]:
    """A home that PostgreSQL's user can reach; its lab is down and it is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="dragstrip-lab-", dir=within))
    home.chmod(0o711)
    try:
        yield home
    finally:
        lifecycle.down(home, purge=True)
        shutil.rmtree(home)


def wait_until(holds: Callable[[], bool], timeout_s: float = _TIMEOUT_S) -> None:
    """Wait for a condition; fail when it does not come to hold in time."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "the condition did not come to hold"
        time.sleep(0.01)


def left_behind(home: Path, used_ports: Mapping[str, int]) -> list[str]:
    """Name every process and open port that is left of a home's lab."""
    found = [f"port {name}" for name, port in used_ports.items() if ports.is_open(port)]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            marked = process.environ().get(MARK_VARIABLE) == Home(home).mark
            # PostgreSQL's children write over their environment, but stay in its folder.
            if marked or home in Path(process.cwd()).parents:
                found.append(f"process {process.pid} {process.name()}")
    return found


def remaining_after(home: Path, used_ports: Mapping[str, int]) -> list[str]:
    """Wait for all to have gone; name what has not within a minute."""
    deadline = time.monotonic() + _TIMEOUT_S
    while (found := left_behind(home, used_ports)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found
