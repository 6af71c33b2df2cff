"""Lets the wall clock of Locust's processes step, and of nothing else on this machine.

Python imports `sitecustomize` from PYTHONPATH before anything else: a folder with this program
under that name makes every Locust process see a clock that is set back by STEP_S every EVERY_S.
The monotonic clock is the machine's own.
"""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

STEP_S = 3600
EVERY_S = 0.6


def modules_in(folder: Path) -> Path:
    """Make the folder for PYTHONPATH and return it."""
    folder.mkdir(parents=True)
    shutil.copy(__file__, folder / "sitecustomize.py")
    return folder


def _install() -> None:
    real_ns, began_s = time.time_ns, time.monotonic()

    def time_ns() -> int:
        steps = int((time.monotonic() - began_s) / EVERY_S)
        return real_ns() - steps * STEP_S * 1_000_000_000

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9


if __name__ == "sitecustomize" and "dragstrip.load" in sys.orig_argv:
    _install()
