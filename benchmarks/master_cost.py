"""What a hundred workers cost their master, which is real in every part; the workers are simulated.

They speak the real protocol once a second each and report on each slice with full histograms, but
make no lookups: see benchmarks/fleet.py.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from benchmarks import instrument
from dragstrip.run.ipc import TOKEN_VARIABLE, ListenAddress, Workers, free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State

WORKERS = 100

_ROOT = Path(__file__).parent.parent
_KINDS = ("plain", "with_report")
_MARGIN_S = 1.5
"""What is left out at both ends of a slice where the time between is meant."""
_LIMIT_S = 300


class _Sample(NamedTuple):
    at_s: float
    slices: int
    cpu_s: float
    rss: int


class WatchedRace(instrument.SilentProgress):
    """Looks at the processes of a race several times a second."""

    def __init__(self) -> None:
        self.samples: list[_Sample] = []

    def watch(self, state: State, metric: Metric) -> None:
        """Take a sample of Locust's process, if it runs."""
        del metric
        for child in psutil.Process().children():
            # One that has just ended has no figures any more.
            with suppress(psutil.Error):
                if "dragstrip.load" in child.cmdline():
                    self._take(child, state.slices_done)

    def _take(self, locust: psutil.Process, done: int) -> None:
        times, memory = locust.cpu_times(), locust.memory_info()
        cpu_s = times.user + times.system
        self.samples.append(_Sample(time.monotonic(), done, cpu_s, memory.rss))


def measure(slice_s: float) -> dict[str, Any]:
    """Let simulated workers go through a race of two slices; return the figures of the second.

    Raises RuntimeError when the race does not run to its end.
    """
    watch = WatchedRace()
    address = ListenAddress("127.0.0.1", free_port())
    token = secrets.token_hex()
    command = [sys.executable, "-m", "benchmarks.fleet", str(address.port), str(WORKERS)]
    with (
        tempfile.TemporaryDirectory(prefix="dragstrip-scale-") as folder,
        subprocess.Popen(
            command,
            cwd=_ROOT,
            env=os.environ | {TOKEN_VARIABLE: token},
            stdout=subprocess.PIPE,
            text=True,
        ) as fleet,
    ):
        result = instrument.race_at(
            "http://127.0.0.1:9",
            Path(folder),
            os.sched_getaffinity(0),
            first=False,
            workers=Workers(WORKERS, address, token),
            progress=watch,
            rate=1000,
            connections=WORKERS,
            pairs=1,
            slice=slice_s,
            warmup=1,
        )
        said = json.loads(fleet.communicate(timeout=_LIMIT_S)[0].splitlines()[-1])
        finish = result.folder.read_finish()
    second = [sample for sample in watch.samples if sample.slices == 1]
    within = [
        sample
        for sample in second
        if second[0].at_s + _MARGIN_S < sample.at_s < second[0].at_s + slice_s - _MARGIN_S
    ]
    plain, with_report = (said[kind]["bytes"] / said[kind]["count"] for kind in _KINDS)
    return {
        "workers": len(finish["workers"]) if finish else 0,
        "cpu_share_between_reports": _share(within),
        "cpu_share_with_reports": _share(second),
        "bytes_per_snapshot": round(plain),
        "bytes_per_s": round(plain * WORKERS),
        "bytes_with_report": round(with_report),
        "slice_s": slice_s,
        "rss_bytes": max(sample.rss for sample in watch.samples),
    }


def _share(samples: Sequence[_Sample]) -> float:
    first, last = samples[0], samples[-1]
    return (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s)
