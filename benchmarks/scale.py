"""What does it cost to do more of it?

    python -m benchmarks.scale [--json PATH] [--quick] [--real]

- processes: verified lookups a second in the closed model with one process and with two, against a
  local nginx, in turns; ratios are medians over rounds. The processes and nginx share the machine's
  cores: with two of them one process and nginx fill both, and a second process has no core of its
  own. So the rate has no bound, and what a lookup costs a process has.
- snapshots: what 100 workers cost a master that is real in every part: processor time and memory of
  its process while a slice is under way, Locust's own heartbeats included, and with the end of a
  slice, when every worker's report arrives. The workers are simulated: they speak the real protocol
  and send full histograms, but make no lookups.
- memory: a process's resident memory after a million and after ten million lookups. They go through
  all that keeps anything of a lookup (see benchmarks/memory.py), but are made up; with --real they
  are real ones, from nginx, in the closed model, which takes about ten minutes.

Linux. Exit code 1 when a bound is broken, 2 when nginx is missing.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from benchmarks import form, instrument, master_cost, nginx
from benchmarks.form import EXIT_MISSING, Bound
from benchmarks.lookups import DATASET, PATHS
from benchmarks.master_cost import WORKERS, WatchedRace
from benchmarks.scheduling import placed
from dragstrip.ledger.rows import Flag, Outcome
from seeding.dataset.dataset import not_found

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_COST = 1.5
"""Of two processes to one: what they cost each other, and Locust's master them."""
MOST_MASTER_CPU = 0.25
MOST_GROWTH = 0.05

_ROOT = Path(__file__).parent.parent
_USERS = 32
_SETTLE_S = 1
_COUNTED_S = 3
_FIRST = 1_000_000
_LOOKUPS = 10_000_000
_LIMIT_S = 600
_PRIORITY = -10


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("scale", __doc__)
    parser.add_argument("--real", action="store_true", help="real lookups for memory: ten minutes")
    options = parser.parse_args(argv)
    with suppress(OSError):
        # For what does not come first: the instrument asks for this by itself.
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    lookups = _LOOKUPS * 3 // 10 if options.quick else _LOOKUPS
    try:
        processes = _processes(1 if options.quick else 3)
        memory = _real_memory(lookups) if options.real else _memory(lookups)
    except nginx.NginxMissing as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_MISSING
    snapshots = master_cost.measure(5.0 if options.quick else 8.0)
    bounds = [
        Bound(
            "processor time per lookup with two processes, times one's",
            processes["cost"],
            "at most",
            MOST_COST,
        ),
        Bound(
            f"a master's share of a core, {WORKERS} workers",
            snapshots["cpu_share_with_reports"],
            "at most",
            MOST_MASTER_CPU,
        ),
        Bound(
            f"growth of memory, {_FIRST:,} to {lookups:,} lookups",
            memory["growth"],
            "at most",
            MOST_GROWTH,
        ),
    ]
    figures = {"processes": processes, "snapshots": snapshots, "memory": memory}
    return form.conclude("scale", argv, bounds, figures, options.json)


class _Turn(NamedTuple):
    per_s: float
    cpu_us: float


def _processes(rounds: int) -> dict[str, Any]:
    turns: dict[int, list[_Turn]] = {1: [], 2: []}
    with _nginx() as url:
        for number in range(rounds):
            for processes in (1, 2) if number % 2 == 0 else (2, 1):
                turns[processes].append(_throughput(url, processes))
    pairs = list(zip(turns[1], turns[2], strict=True))
    return {
        "rate": statistics.median(two.per_s / one.per_s for one, two in pairs),
        "cost": statistics.median(two.cpu_us / one.cpu_us for one, two in pairs),
        "rounds": rounds,
    } | {
        f"{processes} processes": {
            "lookups_per_s": [round(turn.per_s) for turn in taken],
            "cpu_us_per_lookup": statistics.median(turn.cpu_us for turn in taken),
        }
        for processes, taken in turns.items()
    }


def _throughput(url: str, processes: int) -> _Turn:
    with tempfile.TemporaryDirectory(prefix="dragstrip-scale-") as folder:
        result = instrument.race_at(
            url,
            Path(folder),
            os.sched_getaffinity(0),
            processes=processes,
            rate=0,
            connections=_USERS,
            pairs=1,
            slice=_SETTLE_S + _COUNTED_S,
            warmup=_SETTLE_S,
        )
        rows = instrument.rows_of(result)
        workers = [one for line in result.folder.read_slices() for one in line["workers"]]
    right = rows["outcome"] == Outcome.OK
    counted = int((right & (rows["flags"] & Flag.COUNTED != 0)).sum())
    cpu_s = sum(worker["cpu_s"] for worker in workers)
    return _Turn(counted / (2 * _COUNTED_S), cpu_s / len(rows) * 1e6)


@contextmanager
def _nginx() -> Iterator[str]:
    answers = {
        DATASET.phone(key): orjson.dumps(DATASET.answer(key)) for key in range(DATASET.contacts)
    }
    with ExitStack() as stack:
        # It keeps the urgency that it is started with.
        with placed(os.sched_getaffinity(0)):
            url = stack.enter_context(nginx.serving(answers, orjson.dumps(not_found()), PATHS))
        yield url


def _memory(lookups: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.memory", str(lookups), str(lookups // 10)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, timeout=_LIMIT_S, check=True)
    said = json.loads(done.stdout)
    first, last = said["rss_bytes"].values()
    return {"lookups": "made up", "growth": last / first - 1, **said}


def _real_memory(lookups: int) -> dict[str, Any]:
    """Let one process make real lookups until there are enough."""
    watch = WatchedRace()
    slice_s, pairs = 30, max(round(lookups / 15_000 / 60), 1)
    with _nginx() as url, tempfile.TemporaryDirectory(prefix="dragstrip-scale-") as folder:
        result = instrument.race_at(
            url,
            Path(folder),
            os.sched_getaffinity(0),
            first=False,
            progress=watch,
            rate=0,
            connections=_USERS,
            pairs=pairs,
            slice=slice_s,
            warmup=1,
        )
        done_ns = [segment.rows["done_ns"] for segment in result.folder.read_ledger()]
    done_s = np.sort(np.concatenate(done_ns)) / 1e9
    at = np.array([sample.at_s for sample in watch.samples])
    rss = {
        f"{count}": watch.samples[int(np.searchsorted(at, done_s[count - 1], "right")) - 1].rss
        for count in (_FIRST, min(lookups, len(done_s)))
    }
    first, last = rss.values()
    return {"lookups": "real", "growth": last / first - 1, "rss_bytes": rss}


if __name__ == "__main__":
    sys.exit(main())
