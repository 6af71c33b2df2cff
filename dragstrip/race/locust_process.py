"""Locust as a subprocess: started for a plan, followed, and gone when this process is.

The child holds the reading end of a pipe of which this process keeps the other: however this
process ends, the child sees the end of the pipe and ends too.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from dragstrip import shell_variables
from dragstrip.errors import UsageError
from dragstrip.race import otel as opentelemetry
from dragstrip.redact import redact
from dragstrip.run.ipc import (
    HANDOFF_VARIABLE,
    PAGES_VARIABLE,
    RUNS_VARIABLE,
    TOKEN_VARIABLE,
    WAIT_VARIABLE,
    free_port,
    read_stop,
)
from dragstrip.run.plan import PARENT_VARIABLE, PLAN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dragstrip.config.config import RaceConfig
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.ipc import ListenAddress, LocustPages, Workers

LAUNCHER = "dragstrip.load"

# All are relative to the run's folder, which is where Locust is started.
_FILES = ("--csv", "locust", "--html", "locust.html", "--only-summary", "--exit-code-on-error", "0")
_WORKERS_FIX = "start as many as --workers says with `dragstrip worker`, or give --worker-wait"
_OWN_WAIT_S = 60.0
_OURS = {HANDOFF_VARIABLE, PAGES_VARIABLE, PLAN_VARIABLE, RUNS_VARIABLE, WAIT_VARIABLE}
_POLL_S = 0.1
_STOP_S = 5.0
_START_S = 60.0
_SLICE_MARGIN_S = 15.0


def limit_s(race: RaceConfig, slices: int) -> float:
    """Return how long Locust may take for so many slices."""
    return _START_S + slices * (race.slice + 2 * race.timeout + _SLICE_MARGIN_S)


def run(
    folder: RunFolder,
    *,
    processes: int,
    scenario_variables: Mapping[str, str],
    lab: bool,
    limit_s: float,
    tick: Callable[[], None],
    workers: Workers | None = None,
    handoff: bytes | None = None,
    otel: bool = False,
    pages: LocustPages | None = None,
) -> bool:
    """Run Locust on the folder's plan; return whether it ran to its end.

    `handoff` is what the scenario hands its processes; it is in no file or command line.
    It starts `processes` itself, or waits for `workers`. `tick` is called several times a second.
    With `pages`, Locust serves its own pages there meanwhile.
    Whatever is raised meanwhile ends Locust first. Raises UsageError when workers did not come.
    """
    command = [*_locust(*_shown(pages)), *_FILES, *_roles(processes, workers), *_flags(otel=otel)]
    variables = {
        **(opentelemetry.variables(os.environ) if otel else {}),
        PLAN_VARIABLE: str(folder.plan_file.absolute()),
        WAIT_VARIABLE: str(workers.wait_s if workers else _OWN_WAIT_S),
        TOKEN_VARIABLE: workers.token if workers else secrets.token_hex(),
        **scenario_variables,
        "DRAGSTRIP_LAB": "1" if lab else "",
        **({PAGES_VARIABLE: pages.token} if pages else {}),
    }
    with (
        _log(folder).open("wb") as log,
        _pipe_with(handoff) as pipe,
        _started(command, variables, folder.path, log, handoff=pipe) as locust,
    ):
        deadline = time.monotonic() + limit_s
        while locust.poll() is None and time.monotonic() < deadline:
            tick()
            with suppress(subprocess.TimeoutExpired):
                locust.wait(_POLL_S)
        tick()
        if locust.poll() == 0:
            return True
    stop = read_stop(folder.path)
    if stop and stop.before_start:
        fix = _WORKERS_FIX if workers else f"see {_log(folder)}, or give fewer --processes"
        raise UsageError(stop.reason, fix=fix)
    return False


def run_worker(master: ListenAddress, runs: Path, token: str, *, otel: bool = False) -> int:
    """Run a worker that takes part in the master's race; return its exit code, as in handover.

    Its ledger goes to a folder of the run's name in `runs`. A request to end is passed on, so that
    the master hears of it at once.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    command = _locust("--worker", "--loglevel", "ERROR")
    command += ["--master-host", master.host, "--master-port", str(master.port)]
    command += _flags(otel=otel)
    variables = {RUNS_VARIABLE: str(runs.absolute()), TOKEN_VARIABLE: token}
    variables |= opentelemetry.variables(os.environ) if otel else {}
    with _started(command, variables, Path.cwd(), None) as locust:
        return locust.wait()


def why_unfinished(folder: RunFolder) -> str:
    """Return why Locust ended early: in its own words, or by the last lines of its log."""
    stop = read_stop(folder.path)
    return redact(stop.reason) if stop else log_tail(folder)


def log_tail(folder: RunFolder, lines: int = 5) -> str:
    """Return the last lines of Locust's log."""
    with suppress(OSError):
        text = redact(_log(folder).read_text(encoding="utf-8", errors="replace"))
        return "\n".join(text.splitlines()[-lines:])
    return ""


@contextmanager
def _started(
    command: list[str],
    variables: dict[str, str],
    place: Path,
    log: IO[bytes] | None,
    *,
    handoff: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    inherited = {
        name: value
        for name, value in shell_variables.for_load(os.environ).items()
        if name not in _OURS
    }
    reading, writing = os.pipe()
    ours = {PARENT_VARIABLE: reading} | ({} if handoff is None else {HANDOFF_VARIABLE: handoff})
    try:
        locust = subprocess.Popen(
            command,
            cwd=place,
            env=inherited | variables | {name: str(number) for name, number in ours.items()},
            pass_fds=list(ours.values()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
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


@contextmanager
def _pipe_with(content: bytes | None) -> Iterator[int | None]:
    """Yield the end of a pipe from which a child can read the content; None where there is none."""
    if content is None:
        yield None
        return
    reading, writing = os.pipe()
    writer = threading.Thread(target=_pour, args=(content, writing), daemon=True)
    writer.start()
    try:
        yield reading
    finally:
        # Should the child have ended before it read all, the writer hears of it.
        os.close(reading)
        writer.join()


def _pour(content: bytes, writing: int) -> None:
    with suppress(BrokenPipeError), open(writing, "wb") as pipe:
        pipe.write(content)


def _locust(*arguments: str) -> list[str]:
    # -P keeps the working directory, which may hold a user's own modules, off Python's path.
    return [sys.executable, "-P", "-m", LAUNCHER, *arguments]


def _shown(pages: LocustPages | None) -> list[str]:
    if pages is None:
        return ["--headless"]
    place = ["--web-host", "127.0.0.1", "--web-port", str(pages.port)]
    return [*place, "--autostart", "--autoquit", "0"]


def _flags(*, otel: bool) -> list[str]:
    return ["--otel"] if otel else []


def _roles(processes: int, workers: Workers | None) -> list[str]:
    if workers:
        bind = [
            "--master-bind-host",
            workers.bind.host,
            "--master-bind-port",
            str(workers.bind.port),
        ]
        return ["--master", "--expect-workers", str(workers.count), *bind]
    if processes > 1:
        port = str(free_port())
        return [
            *("--processes", str(processes)),
            *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
            *("--master-host", "127.0.0.1", "--master-port", port),
        ]
    return []


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


def _log(folder: RunFolder) -> Path:
    return folder.path / "locust.log"
