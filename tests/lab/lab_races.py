"""`dragstrip` in a folder, left to run on, and what it has stored there so far."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from tests.lab.lab_homes import DRAGSTRIP
from tests.support import locust_runs

if TYPE_CHECKING:
    from pathlib import Path


def start(folder: Path, variables: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [DRAGSTRIP, *arguments],
        cwd=folder,
        env=locust_runs.environment(variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dragstrip(
    folder: Path, variables: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DRAGSTRIP, *arguments],
        cwd=folder,
        env=locust_runs.environment(variables),
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )


def stored(folder: Path, name: str) -> Any:
    return json.loads((folder / "runs" / "latest" / name).read_text())


def slices_done(folder: Path) -> int:
    lines = folder / "runs" / "latest" / "slices.jsonl"
    return len(lines.read_text().splitlines()) if lines.exists() else 0
