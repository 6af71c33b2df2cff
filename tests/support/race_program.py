"""`dragstrip` as it is, but for the preflight: stand-ins have no stores that could be checked.

A program of its own, so that races can run side by side and be killed:

    python -m tests.support.race_program [--anyhow] race --pairs 2 ...

With --anyhow, a race too short for a verdict is run all the same.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import TYPE_CHECKING

from dragstrip.cli import main
from dragstrip.race import prechecks
from scenarios.crm import seeded
from tests.support.setups import proof_of

if TYPE_CHECKING:
    from typing import Any

    from dragstrip.config.config import Config
    from seeding.verify import DataProof

ANYHOW = "--anyhow"
_PR_SET_PDEATHSIG = 1


def proven(config: Config, *_: Any) -> DataProof:
    """Say that the stores hold the dataset."""
    return proof_of(config)


def allow(config: Config, **_: Any) -> None:
    """Refuse nothing."""


def end_with_parent() -> None:
    """Have the kernel end this program with the tests that started it, however they end."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    end_with_parent()
    vars(seeded).update(_preflight=proven, check_data=proven)
    if ANYHOW in sys.argv:
        sys.argv.remove(ANYHOW)
        prechecks.require = allow
    main.main()
