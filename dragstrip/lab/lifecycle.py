"""Bring the lab up and down, and tell how it is. Commands on one home take turns."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dragstrip.errors import LabError
from dragstrip.lab import credentials, lock, logs, ports, postgres, processes, state
from dragstrip.lab.install import install
from dragstrip.lab.paths import Home, checkout, home_error
from dragstrip.lab.processes import Identity
from dragstrip.lab.services import Settings, describe
from dragstrip.lab.services import environment as service_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragstrip.config import Config
    from dragstrip.lab.state import LabState

    Reporter = Callable[[str], None]

NEEDED_BYTES = 512 * 1024 * 1024
# A supervisor's own bounds on its services' ends add up to less.
_STOP_TIMEOUT_S = 45.0
_KILL_TIMEOUT_S = 25.0
_PORT_TIMEOUT_S = 5.0

_NOT_UP = "run `dragstrip lab up`"

# Holds the handles of supervisors that this process started, so that they are reaped in time.
_started: list[subprocess.Popen[bytes]] = []


def _silent(_: str) -> None:
    return


def up(
    home: Path | None = None,
    *,
    reporter: Reporter = _silent,
    owner_pid: int | None = None,
    forced_ports: Mapping[str, int] | None = None,
    fallback_ports_only: bool = False,
) -> LabState:
    """Start the lab unless it is up, and return its state once every service is healthy.

    With `owner_pid` the lab goes down when that process ends; one that is up keeps the owner that
    it has. A lab of which a part has crashed
    is stopped and started again on the same ports. Raises LabError, and then nothing is left.
    """
    place = Home.find(home)
    place.create()
    with lock.held(place.lock_file, lambda: reporter("waiting for another lab command to end")):
        known = state.read(place)
        if known is not None and known.supervised:
            trouble = _trouble(known)
            _refuse_other_ports(known, forced_ports or {})
            if not trouble:
                return known
            reporter(f"the lab is half up ({trouble}); starting it again")
        _clear(place, known)
        _require_space(place)
        chosen = ports.choose(
            forced_ports or {},
            preferred=known.ports if known else ports.DEFAULTS,
            fallback_only=fallback_ports_only,
        )
        install(reporter)
        _require_fitting_secrets(place)
        credentials.load_or_create(place)
        return _start(place, chosen, _owner(owner_pid), reporter)


def down(home: Path | None = None, *, reporter: Reporter = _silent, purge: bool = False) -> bool:
    """Stop the lab and check that nothing is left; return whether there was anything to stop.

    With `purge` its data, logs and secrets are removed as well. Raises LabError.
    """
    place = Home.find(home)
    if not place.folder.exists():
        return False
    with lock.held(place.lock_file, lambda: reporter("waiting for another lab command to end")):
        try:
            known = state.read(place)
        except LabError:
            # Damaged: what is left of the lab is found by the mark that its processes carry.
            known = None
        ended = _clear(place, known)
        if purge:
            _purge(place)
    return ended


def status(home: Path | None = None) -> LabState | None:
    """Return what is known about the lab; None when it is down. Raises LabError."""
    return state.read(Home.find(home))


def probe(known: LabState) -> dict[str, str | None]:
    """Ask every service how it is, all at once: None means healthy."""
    place = Home(known.home)
    settings = Settings(place, known.ports, credentials.load(place))
    services = describe(settings)
    with ThreadPoolExecutor(len(services)) as pool:
        return dict(zip(known.services, pool.map(lambda s: s.check(), services), strict=True))


def environment(home: Path | None = None) -> dict[str, str]:
    """Return the running lab's addresses and keys as environment variables. Raises LabError."""
    place = Home.find(home)
    known = state.read(place)
    if known is None:
        raise LabError("the lab is not up", fix=_NOT_UP)
    trouble = _trouble(known)
    if trouble:
        raise LabError(f"the lab is half up: {trouble}", fix=f"{_NOT_UP}, which starts it again")
    return service_environment(Settings(place, known.ports, credentials.load(place)))


def resolve(config: Config, home: Path | None = None) -> Config:
    """Return the configuration with the running lab's addresses and keys. Raises LabError."""
    return config.with_environment(environment(home))


def _trouble(known: LabState) -> str:
    if not known.supervised:
        return "its supervisor is gone"
    if known.phase != "up":
        return f"it is {known.phase}"
    parts = []
    for name, service in known.not_up.items():
        code = "" if service.exit_code is None else f" (exit code {service.exit_code})"
        parts.append(f"{name} {service.phase}{code}")
    return ", ".join(parts)


def _refuse_other_ports(known: LabState, forced: Mapping[str, int]) -> None:
    for name, port in forced.items():
        if known.ports.get(name) != port:
            raise LabError(
                f"--port {name}={port}: the lab is up and uses {known.ports.get(name)}",
                fix="run `dragstrip lab down` first, or drop the option",
            )


def _require_space(place: Home) -> None:
    free = shutil.disk_usage(place.folder).free
    if free < NEEDED_BYTES:
        raise LabError(
            f"{place.folder}: only {free // 2**20} MiB are free on its disk, "
            f"the lab needs {NEEDED_BYTES // 2**20}",
            fix="free some space, or set DRAGSTRIP_LAB_HOME to a folder on another disk",
        )


def _require_fitting_secrets(place: Home) -> None:
    if not place.secrets_file.exists() and postgres.Postgres.place(place).initialised:
        raise LabError(
            f"{place.secrets_file} is gone, but its database is still there",
            fix="restore the file, or run `dragstrip lab down --purge` to start afresh",
        )


def _owner(pid: int | None) -> Identity | None:
    if pid is None:
        return None
    owner = Identity.of(pid)
    if owner is None:
        raise LabError(f"the owner of the lab, process {pid}, does not run", fix="try again")
    return owner


def _start(
    place: Home, chosen: dict[str, int], owner: Identity | None, reporter: Reporter
) -> LabState:
    begun = time.monotonic()
    supervisor = _launch(place)
    try:
        _ask(supervisor, place, chosen, owner)
        event = _follow(supervisor, reporter)
    except BaseException:
        _abandon(place, supervisor)
        raise
    assert supervisor.stdin is not None  # noqa: S101
    assert supervisor.stdout is not None  # noqa: S101
    supervisor.stdin.close()
    supervisor.stdout.close()
    if event.get("event") == "up":
        reporter(f"lab up in {time.monotonic() - begun:.1f} s")
        _started.append(supervisor)
        known = state.read(place)
        assert known is not None  # noqa: S101
        return known
    _abandon(place, supervisor)
    raise _start_error(place, event)


def _launch(place: Home) -> subprocess.Popen[bytes]:
    try:
        logs.rotate(place.supervisor_log)
        log = place.supervisor_log.open("ab")
    except OSError as error:
        raise home_error(place.supervisor_log, error) from None
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "dragstrip.lab.supervisor"],
            cwd=checkout(),
            env={**os.environ, processes.MARK_VARIABLE: place.mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def _ask(
    supervisor: subprocess.Popen[bytes],
    place: Home,
    chosen: dict[str, int],
    owner: Identity | None,
) -> None:
    request = {
        "home": str(place.folder),
        "ports": chosen,
        "owner": owner.model_dump() if owner else None,
    }
    assert supervisor.stdin is not None  # noqa: S101
    with contextlib.suppress(BrokenPipeError):
        supervisor.stdin.write(json.dumps(request).encode() + b"\n")
        supervisor.stdin.flush()


def _follow(supervisor: subprocess.Popen[bytes], reporter: Reporter) -> dict[str, Any]:
    """Report each step; return the event that ends the start, empty if none came."""
    assert supervisor.stdout is not None  # noqa: S101
    for line in supervisor.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] != "step":
            return event
        reporter(event["text"])
    return {}


def _abandon(place: Home, supervisor: subprocess.Popen[bytes]) -> None:
    """End a supervisor whose start failed or was interrupted, and all that it started."""
    for stream in (supervisor.stdin, supervisor.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        supervisor.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()
    _clear(place, None)


def _start_error(place: Home, event: dict[str, Any]) -> LabError:
    if "message" in event:
        return LabError(event["message"], fix=event["fix"])
    shown = "".join(f"\n    {line}" for line in logs.tail(place.supervisor_log, 12))
    return LabError(
        f"the lab's supervisor ended; the last lines of {place.supervisor_log}:{shown}",
        fix="run `dragstrip lab up` again; if it repeats, report it with that log",
    )


def _clear(place: Home, known: LabState | None) -> bool:
    """End every process of this home's lab; return whether there was one. Raises LabError."""
    left = {process.pid: process for process in processes.marked(place.mark)}
    if known is not None:
        left |= {process.pid: process for process in known.processes if process.alive}
    if known is not None and known.supervised:
        # It stops its services in order; should it not, its guards do once it is killed.
        known.supervisor.signal(signal.SIGTERM)
        if processes.wait_gone([known.supervisor], _STOP_TIMEOUT_S):
            known.supervisor.signal(signal.SIGKILL)
    else:
        for process in left.values():
            process.signal(signal.SIGTERM)
    for process in processes.wait_gone(left.values(), _KILL_TIMEOUT_S):
        process.kill_group()
    survivors = processes.wait_gone(left.values(), _PORT_TIMEOUT_S)
    if survivors:
        pids = ", ".join(str(process.pid) for process in survivors)
        raise LabError(f"these processes of the lab do not end: {pids}", fix="end them by hand")
    if known is not None:
        processes.wait_reaped(known.processes, _PORT_TIMEOUT_S)
        _require_closed(known)
    state.remove(place)
    return bool(left)


def _require_closed(known: LabState) -> None:
    deadline = time.monotonic() + _PORT_TIMEOUT_S
    for name, port in known.ports.items():
        while ports.is_open(port) and time.monotonic() < deadline:
            time.sleep(0.05)
        if ports.is_open(port):
            raise LabError(
                f"port {port} ({name}) is still open, held by {ports.holder(port)}",
                fix="end that process",
            )


def _purge(place: Home) -> None:
    postgres.purge(place)
    try:
        for folder in (place.data, place.logs):
            if folder.exists():
                shutil.rmtree(folder)
        place.secrets_file.unlink(missing_ok=True)
    except OSError as error:
        raise home_error(place.folder, error) from None
