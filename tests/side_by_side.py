"""Runs targets of the Makefile on two lanes: side_by_side.py TARGET BESIDE...

The first one's output is shown as it comes. The others run beside it, one after the other; what one
says is shown in one piece, at once if it went well and else at the very end, where nobody misses
it. Exits with 1 if anything failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


@dataclass(frozen=True)
class Done:
    """A target that was made, or failed, or was not begun."""

    target: str
    code: int | None
    took_s: float = 0.0
    output: str = ""

    def show(self) -> None:
        """Print what it said."""
        sys.stdout.write(f"\n== make {self.target}\n{self.output}")
        sys.stdout.flush()

    def __str__(self) -> str:
        state = {None: "not run", 0: "ok"}.get(self.code, "FAILED")
        return f"{state:8} make {self.target:14} {self.took_s:4.0f} s"


class Lanes:
    """Starts targets, and none any more once it was asked to end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[str]] = []
        self._ending = False

    def make(self, target: str, *, shown: bool) -> Done:
        """Make one target and wait for its end."""
        begun = time.monotonic()
        process = self._start(target, None if shown else subprocess.PIPE)
        if process is None:
            return Done(target, None)
        output, _ = process.communicate()
        return Done(target, process.returncode, time.monotonic() - begun, output or "")

    def make_all(self, targets: list[str]) -> list[Done]:
        """Make them one after the other, whether or not one fails."""
        done = []
        for target in targets:
            done.append(self.make(target, shown=False))
            if done[-1].code == 0:
                done[-1].show()
        return done

    def end(self, number: int, _: FrameType | None) -> None:
        """Handle a signal: Ctrl-C has reached the processes by itself, any other is passed on."""
        self._ending = True
        if number != signal.SIGINT:
            for process in self._running:
                process.send_signal(number)

    @property
    def ended_early(self) -> bool:
        """Whether a signal has come."""
        return self._ending

    def _start(self, target: str, output: int | None) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._ending:
                return None
            process = subprocess.Popen(
                [os.environ.get("MAKE", "make"), "--no-print-directory", target],
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                text=True,
            )
            self._running.append(process)
            return process


def main(first: str, *beside: str) -> int:
    """Make all targets and say how each went; return the exit code."""
    lanes = Lanes()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lanes.end)
    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(lanes.make_all, list(beside))
        done = [lanes.make(first, shown=True), *others.result()]
    for one in done:
        if one.code and one.output:
            one.show()
    sys.stdout.write("\n" + "".join(f"{one}\n" for one in done))
    if lanes.ended_early:
        return 130
    return int(any(one.code != 0 for one in done))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
