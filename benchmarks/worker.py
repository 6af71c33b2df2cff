"""How little does a worker need?

    python -m benchmarks.worker [--json PATH] [--quick]

- environment: the packages that `pip install dragstrip` brings to a worker's machine, by what each
  of them asks for, as they are installed here; their bytecode is not counted.
- worker: two real `dragstrip worker`s that do little, in a race against a local nginx: the memory
  of the process that makes the load, with and without the command that started it, and the
  processor time of a slice.

Linux. Exit code 1 when a bound is broken, 2 when nginx is missing.
"""

from __future__ import annotations

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psutil
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks import form, instrument, nginx
from benchmarks.form import EXIT_MISSING, Bound
from benchmarks.lookups import API_KEY, DATASET, PATHS
from dragstrip.run.ipc import TOKEN_VARIABLE, ListenAddress, Workers, free_port
from seeding.dataset.dataset import not_found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State

MOST_ON_DISK = 330_000_000
MOST_MEMORY = 200_000_000

_ROOT = Path(__file__).parent.parent
_WORKERS = 2
_PER_S = 20
_LARGEST = 6


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    options = form.parser("worker", __doc__).parse_args(argv)
    try:
        worker = _worker(3.0 if options.quick else 10.0)
    except nginx.NginxMissing as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_MISSING
    environment = _environment()
    bounds = [
        Bound("bytes of its environment", environment["bytes_on_disk"], "at most", MOST_ON_DISK),
        Bound("bytes of its memory", worker["rss_bytes_with_command"], "at most", MOST_MEMORY),
    ]
    figures = {"environment": environment, "worker": worker}
    return form.conclude("worker", argv, bounds, figures, options.json)


def closure(package: Distribution, extras: set[str]) -> set[str]:
    """Return the names of all packages that one asks for, by what each of them asks for."""
    found: dict[str, set[str]] = {}
    waiting = [(package, extras)]
    while waiting:
        package, wanted = waiting.pop()
        for text in package.requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": one}) for one in (wanted or {""})):
                continue
            name, more = canonicalize_name(requirement.name), set(requirement.extras)
            if name in found and more <= found[name]:
                continue
            found[name] = found.get(name, set()) | more
            waiting.append((distribution(name), found[name]))
    return set(found)


def _environment() -> dict[str, Any]:
    sizes = {
        name: _bytes_of(distribution(name)) for name in closure(distribution("dragstrip"), set())
    }
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_LARGEST]
    return {
        "packages": len(sizes),
        "bytes_on_disk": sum(sizes.values()),
        "largest": {name: sizes[name] for name in largest},
    }


def _bytes_of(package: Distribution) -> int:
    paths = (Path(str(file.locate())) for file in package.files or () if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())


class _Watch(instrument.SilentProgress):
    """Looks at the memory of the workers several times a second."""

    def __init__(self, commands: list[subprocess.Popen[bytes]]) -> None:
        self._commands = commands
        self.load_bytes: list[int] = []
        self.both_bytes: list[int] = []

    def watch(self, state: State, metric: Metric) -> None:
        """Take a sample of each worker."""
        del state, metric
        for command in self._commands:
            # One that has just ended has no figures any more.
            with suppress(psutil.Error):
                process = psutil.Process(command.pid)
                load = sum(child.memory_info().rss for child in process.children())
                self.load_bytes.append(load)
                self.both_bytes.append(load + process.memory_info().rss)


def _worker(slice_s: float) -> dict[str, Any]:
    answers = {
        DATASET.phone(key): orjson.dumps(DATASET.answer(key)) for key in range(DATASET.contacts)
    }
    address = ListenAddress("127.0.0.1", free_port())
    token = secrets.token_hex()
    command = [sys.executable, "-m", "dragstrip", "worker", f"127.0.0.1:{address.port}"]
    environment = os.environ | {TOKEN_VARIABLE: token, "CRM_API_KEY": API_KEY}
    environment["PYTHONPATH"] = str(_ROOT)
    with ExitStack() as stack:
        url = stack.enter_context(nginx.serving(answers, orjson.dumps(not_found()), PATHS))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dragstrip-worker-")))
        commands = [
            stack.enter_context(
                subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
            )
            for _ in range(_WORKERS)
        ]
        watch = _Watch(commands)
        result = instrument.race_at(
            url,
            folder,
            os.sched_getaffinity(0),
            workers=Workers(_WORKERS, address, token),
            progress=watch,
            rate=_PER_S,
            connections=32,
            pairs=1,
            slice=slice_s,
            warmup=1,
        )
        reports = [one for line in result.folder.read_slices() for one in line["workers"]]
    return {
        "workers": _WORKERS,
        "lookups_per_s": _PER_S / _WORKERS,
        "rss_bytes": max(watch.load_bytes),
        "rss_bytes_with_command": max(watch.both_bytes),
        "cpu_share": statistics.median(one["cpu_s"] / one["wall_s"] for one in reports),
    }


if __name__ == "__main__":
    sys.exit(main())
