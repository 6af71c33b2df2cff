"""End what there is of a lab, however it came to its present state, and remove its data."""

from __future__ import annotations

import shutil
import signal
import time
from typing import TYPE_CHECKING

from dragstrip.errors import LabError
from dragstrip.lab import ports, postgres, processes, state
from dragstrip.lab.paths import Home, home_error

if TYPE_CHECKING:
    from dragstrip.lab.state import LabState

# A supervisor's own bounds on its services' ends add up to less.
STOP_TIMEOUT_S = 45.0
_KILL_TIMEOUT_S = 25.0
_PORT_TIMEOUT_S = 5.0
_POLL_S = 0.05


def clear(place: Home, known: LabState | None) -> bool:
    """End every process of this home's lab; return whether there was one. Raises LabError."""
    left = {process.pid: process for process in processes.marked(place.mark)}
    if known is not None:
        left |= {process.pid: process for process in known.processes if process.alive}
    if known is not None and known.supervised:
        # It stops its services in order; should it not, its guards do once it is killed.
        known.supervisor.signal(signal.SIGTERM)
        if processes.wait_gone([known.supervisor], STOP_TIMEOUT_S):
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
    # Of a lab that was gone already the ports may be anybody's by now.
    if known is not None and left:
        processes.wait_reaped(known.processes, _PORT_TIMEOUT_S)
        _require_closed(known)
    state.remove(place)
    return bool(left)


def _require_closed(known: LabState) -> None:
    deadline = time.monotonic() + _PORT_TIMEOUT_S
    for name, port in known.ports.items():
        while ports.is_open(port) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        if ports.is_open(port):
            raise LabError(
                f"port {port} ({name}) is still open, held by {ports.holder(port)}",
                fix="end that process",
            )


def purge(place: Home) -> None:
    """Remove the data, logs and secrets of a lab that is down. Raises LabError."""
    postgres.purge(place)
    try:
        for folder in (place.data, place.logs):
            if folder.exists():
                shutil.rmtree(folder)
        place.secrets_file.unlink(missing_ok=True)
    except OSError as error:
        raise home_error(place.folder, error) from None
