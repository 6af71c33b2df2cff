"""Runs `python -m dragstrip` as a shell would, with standard output or standard error broken."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.support import locust_runs
from tests.support.races import homes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DRAGSTRIP = (sys.executable, "-m", "dragstrip")


class Ended(NamedTuple):
    """How a command ended, and what it said where that could be read."""

    code: int
    out: str
    err: str


def shell(
    place: Path,
    *arguments: str,
    redirect: str = "",
    program: tuple[str, ...] = DRAGSTRIP,
    environ: Mapping[str, str] | None = None,
) -> Ended:
    """Run a command in a folder with a shell's redirection, such as `>/dev/full`."""
    done = subprocess.run(
        ["/bin/bash", "-c", f'set -o pipefail; "$@" {redirect}', "bash", *program, *arguments],
        cwd=place,
        env=locust_runs.environment(
            {"PYTHONPATH": str(locust_runs.ROOT), **homes(place)} | dict(environ or {})
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())
