"""What a race hands over to the Locust processes that it starts, and why one of them stopped early.

The plan's own variables are in dragstrip.plan.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RUNS_VARIABLE = "DRAGSTRIP_RUNS"
"""Set where a worker gets its plan from the master: the folder of its ledgers."""
WAIT_VARIABLE = "DRAGSTRIP_WORKER_WAIT"
"""How many seconds a master waits for its workers."""

STOP_FILE = "stopped.json"

EXIT_USAGE = 2
EXIT_UNFINISHED = 3


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a race ended early; `before_start` says that no lookup was sent."""

    reason: str
    before_start: bool = False

    def write(self, folder: Path) -> None:
        """Leave it in the run's folder, if that can be written to."""
        with suppress(OSError):
            (folder / STOP_FILE).write_text(json.dumps(asdict(self)) + "\n")


def read_stop(folder: Path) -> Stop | None:
    """Return what `write` left, if it did."""
    with suppress(OSError, ValueError, TypeError):
        return Stop(**json.loads((folder / STOP_FILE).read_text()))
    return None
