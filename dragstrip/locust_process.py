"""Locust as a subprocess: started for a plan, followed, and gone when this process is.

The child holds the reading end of a pipe of which this process keeps the other: however this
process ends, the child sees the end of the pipe and ends too.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import dragstrip
from dragstrip.errors import StorageError
from dragstrip.plan import PARENT_VARIABLE, PLAN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.run_folder import RunFolder

LOCUSTFILE = Path(dragstrip.__file__).parent.parent / "locustfile.py"

_POLL_S = 0.1
_STOP_S = 5.0


def run(
    folder: RunFolder,
    *,
    processes: int,
    api_key: str,
    lab: bool,
    limit_s: float,
    tick: Callable[[], None],
) -> bool:
    """Run Locust on the folder's plan; return whether it ran to its end.

    `tick` is called several times a second. Whatever is raised meanwhile ends Locust first.
    """
    with _started(folder, processes, api_key, lab) as locust:
        deadline = time.monotonic() + limit_s
        while locust.poll() is None and time.monotonic() < deadline:
            tick()
            with suppress(subprocess.TimeoutExpired):
                locust.wait(_POLL_S)
        tick()
        return locust.poll() == 0


def log_tail(folder: RunFolder, lines: int = 5) -> str:
    """Return the last lines of Locust's log."""
    with suppress(OSError):
        return "\n".join(_log(folder).read_text(errors="replace").splitlines()[-lines:])
    return ""


@contextmanager
def _started(
    folder: RunFolder, processes: int, api_key: str, lab: bool
) -> Iterator[subprocess.Popen[bytes]]:
    if not LOCUSTFILE.exists():
        raise StorageError(f"{LOCUSTFILE} is missing", fix="run dragstrip from its checkout")
    reading, writing = os.pipe()
    try:
        with _log(folder).open("wb") as log:
            locust = subprocess.Popen(
                _command(processes),
                cwd=folder.path,
                env=_environment(folder, api_key, lab, reading),
                pass_fds=[reading],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(reading)
        reading = -1
        try:
            yield locust
        finally:
            _stop(locust)
    finally:
        os.close(writing)
        if reading >= 0:
            os.close(reading)


def _command(processes: int) -> list[str]:
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless"]
    # Both are relative to the run's folder, which is where Locust is started.
    command += ["--csv", "locust", "--html", "locust.html"]
    command += ["--only-summary", "--exit-code-on-error", "0"]
    if processes > 1:
        port = str(_free_port())
        command += ["--processes", str(processes)]
        command += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        command += ["--master-host", "127.0.0.1", "--master-port", port]
    return command


def _environment(folder: RunFolder, api_key: str, lab: bool, reading: int) -> dict[str, str]:
    # A stray LOCUST_USERS or LOCUST_LOCUSTFILE would change what is run.
    inherited = {name: value for name, value in os.environ.items() if name[:7] != "LOCUST_"}
    return inherited | {
        PLAN_VARIABLE: str(folder.plan_file.absolute()),
        PARENT_VARIABLE: str(reading),
        "CRM_API_KEY": api_key,
        "DRAGSTRIP_LAB": "1" if lab else "",
    }


def _stop(locust: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if locust.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(locust.pid, number)
            with suppress(subprocess.TimeoutExpired):
                locust.wait(_STOP_S)
    # Workers that outlived their master are in the same group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(locust.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _log(folder: RunFolder) -> Path:
    return folder.path / "locust.log"
