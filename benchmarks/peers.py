"""What Locust itself says: of the instrument's traffic in its files, and of a run of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.scheduling import placed

_ROOT = Path(__file__).parent.parent
_COLUMNS = {"p50": "50%", "p95": "95%", "p99": "99%"}
_ENDING_S = 60


class Reported(NamedTuple):
    """A row of Locust's statistics; quantiles in milliseconds as Locust rounds them."""

    requests: int
    failures: int
    quantiles_ms: dict[str, float]


def read(stats: Path, name: str) -> Reported:
    """Read a name's row of a locust_stats.csv. Raises KeyError where there is none."""
    with stats.open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    row = rows[name]
    quantiles = {q: float(row[column]) for q, column in _COLUMNS.items()}
    return Reported(int(row["Request Count"]), int(row["Failure Count"]), quantiles)


def run(url: str, path: str, *, core: int, users: int, rate: float, seconds: float) -> Reported:
    """Let FastHttpUsers look contacts up for some seconds; `rate` is what they share.

    Raises RuntimeError when Locust fails.
    """
    with tempfile.TemporaryDirectory(prefix="dragstrip-peer-") as folder:
        command = [sys.executable, "-m", "locust"]
        command += ["-f", str(_ROOT / "benchmarks" / "peer_users.py"), "--headless"]
        command += ["-u", str(users), "-r", str(users), "-t", f"{seconds:g}s"]
        command += ["--stop-timeout", "5", "--csv", "peer", "--only-summary"]
        inherited = {name: text for name, text in os.environ.items() if name[:7] != "LOCUST_"}
        own = {
            "PYTHONPATH": str(_ROOT),
            "PEER_URL": url,
            "PEER_PATH": path,
            "PEER_RATE_PER_USER": str(rate / users),
        }
        with placed({core}):
            done = subprocess.run(
                command,
                cwd=folder,
                env=inherited | own,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=seconds + _ENDING_S,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"Locust failed: {done.stderr.decode(errors='replace')[-500:]}")
        return read(Path(folder) / "peer_stats.csv", "peer")
