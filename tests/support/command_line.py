"""Runs the command line as a user does, in a folder of its own and with no lab."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def dragstrip(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dragstrip", *arguments],
        cwd=cwd,
        env={
            "PATH": "/usr/bin:/bin",
            "DRAGSTRIP_HOME": str(cwd),
            "DRAGSTRIP_LAB_HOME": str(cwd / "lab"),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
