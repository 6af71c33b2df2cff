"""Runs `dragstrip race` between servers of a test, as a user would, in a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support import locust_runs
from tests.support.races import Raced, homes, popen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SHORT = "[race]\npairs = 6\nslice = 1\nwarmup = 0.2\ntimeout = 5\n"
"""As short as a race can be that may give a verdict."""


@contextmanager
def racing(
    place: Path,
    *arguments: str,
    toml: str = "",
    environ: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[Raced]:
    """Run a race beside the block; nothing is left of it afterwards."""
    place.mkdir(parents=True, exist_ok=True)
    if toml:
        (place / "dragstrip.toml").write_text(toml)
    variables = {"PYTHONPATH": str(locust_runs.ROOT), **homes(place), **(environ or {})}
    command = [sys.executable, "-m", "dragstrip", "race", *arguments]
    raced = Raced(place, popen(place, command, variables, stdin))
    try:
        yield raced
    finally:
        raced.stop()
