"""Plain Locust as a user starts it, and what it counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dragstrip.run import ipc

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
WORKER_TOKEN = "a-token-of-these-tests"


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without dragstrip's variables, and with these."""
    ours = ("DRAGSTRIP_", "LOCUST_", "CONVEX_", "SUPABASE_", "NEXT_URL", "CRM_", "KAPSO_", "SEED_")
    # What CI shows of a job is not to show the races of its tests.
    others = (*ours, "GITHUB_STEP_SUMMARY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    ours_now = {"PYTHONUNBUFFERED": "1", ipc.TOKEN_VARIABLE: WORKER_TOKEN}
    return kept | ours_now | dict(variables)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "locust", "-f", str(ROOT / "locustfile.py"), *arguments]


def start(folder: Path, variables: Mapping[str, str], *arguments: str) -> subprocess.Popen[bytes]:
    """Start Locust in a folder; its output goes to a log file there."""
    log = (folder / f"{'-'.join(arguments)[:60].replace('/', '_')}.log").open("wb")
    with log:
        return subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def run(
    folder: Path, variables: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run Locust to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def totals(prefix: Path) -> dict[str, tuple[int, int]]:
    """Return (requests, failures) by name from the JSON that Locust writes at its very end."""
    entries = json.loads(Path(f"{prefix}.json").read_text())
    return {entry["name"]: (entry["num_requests"], entry["num_failures"]) for entry in entries}


def free_port() -> str:
    return str(ipc.free_port())
