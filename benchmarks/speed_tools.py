"""Load generators in C and Go, for scale. They count answers by status and look at no body."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGES = {"hey": "hey", "h2load": "nghttp2-client", "wrk": "wrk"}
"""What Debian's packages are called."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a tool is to do: `users` kept-alive connections to one address for some seconds.

    With `http2`, which h2load alone speaks, they are streams of one connection.
    """

    url: str
    header: str
    users: int
    seconds: int
    http2: bool = False


class ToolFailed(Exception):
    """A tool did not run, or got other answers than 200."""


def installed(name: str) -> bool:
    """Whether a tool is there."""
    return shutil.which(name) is not None


def run(name: str, load: Load) -> tuple[float, float]:
    """Run a tool; return answers a second and seconds of processor time for each answer.

    Raises ToolFailed.
    """
    command = _command(name, load)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None  # noqa: S101
        said = process.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    rate, answers = read(name, said)
    if process.returncode or not answers:
        raise ToolFailed(f"{name} failed: {said[-500:]}")
    return rate, (usage.ru_utime + usage.ru_stime) / answers


def read(name: str, said: str) -> tuple[float, float]:
    """Return answers a second and answers from what a tool says; zeros unless each was a 200."""
    rate = _figure(r"(?:Requests/sec:|finished in [^,]+,)\s+([\d.]+)", said)
    answers = _answers(name, said)
    return (rate, answers) if answers else (0, 0)


def _command(name: str, load: Load) -> Sequence[str]:
    how = {
        "hey": ["-cpus", "1", "-z", f"{load.seconds}s"],
        "h2load": ["-t1", "-D", str(load.seconds)],
        "wrk": ["-t1", "-d", f"{load.seconds}s"],
    }
    users = ["-c", str(load.users)]
    if name == "h2load":
        users = ["-p", "h2c", "-c", "1", "-m", users[1]] if load.http2 else ["--h1", *users]
    return [name, *how[name], *users, "-H", load.header, load.url]


def _answers(name: str, said: str) -> float:
    match name:
        case "hey":
            statuses = re.findall(r"^\s+\[(\d+)\]\s+\d+ responses", said, re.MULTILINE)
            good = statuses == ["200"] and "Error distribution" not in said
            return _figure(r"\[200\]\s+(\d+) responses", said) if good else 0
        case "h2load":
            good = ", 0 failed, 0 errored, 0 timeout" in said
            return _figure(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", said) if good else 0
        case _:
            good = "Non-2xx" not in said and "Socket errors" not in said
            return _figure(r"(\d+) requests in", said) if good else 0


def _figure(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    return float(found[1]) if found else 0
