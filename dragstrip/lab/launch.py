"""Start a lab's supervisor and follow it until every service is up."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from dragstrip import shell_variables
from dragstrip.errors import LabError
from dragstrip.lab import credentials, logs, processes, state
from dragstrip.lab.paths import Home, home_error, workplace
from dragstrip.lab.teardown import STOP_TIMEOUT_S, clear

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.lab.processes import Identity
    from dragstrip.lab.state import LabState

    Reporter = Callable[[str], None]

_SHOWN_LINES = 12

# Holds the handles of supervisors that this process started, so that they are reaped in time.
_started: list[subprocess.Popen[bytes]] = []


def start(
    place: Home, chosen: dict[str, int], owner: Identity | None, reporter: Reporter
) -> LabState:
    """Start a supervisor and wait until it says that all are up.

    Raises LabError with what it says otherwise; then, or when interrupted, nothing is left.
    """
    begun = time.monotonic()
    supervisor = _launch(place)
    try:
        _ask(supervisor, place, chosen, owner)
        event = _follow(supervisor, reporter)
    except BaseException:
        _abandon(place, supervisor)
        raise
    _close_pipes(supervisor)
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
            cwd=workplace(),
            env=shell_variables.for_lab(os.environ) | {processes.MARK_VARIABLE: place.mark},
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
    _close_pipes(supervisor)
    try:
        supervisor.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        supervisor.wait()
    clear(place, None)


def _close_pipes(supervisor: subprocess.Popen[bytes]) -> None:
    for stream in (supervisor.stdin, supervisor.stdout):
        if stream is not None:
            # It fails when the supervisor has gone before it read what was written.
            with contextlib.suppress(OSError):
                stream.close()


def _start_error(place: Home, event: dict[str, Any]) -> LabError:
    if "message" in event:
        return LabError(event["message"], fix=event["fix"])
    credentials.make_known(place)
    shown = "".join(f"\n    {line}" for line in logs.tail(place.supervisor_log, _SHOWN_LINES))
    return LabError(
        f"the lab's supervisor ended; the last lines of {place.supervisor_log}:{shown}",
        fix="run `dragstrip lab up` again; if it repeats, report it with that log",
    )
