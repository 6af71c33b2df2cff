"""Does the instrument report what happened? A server with known delays says what did.

    python -m benchmarks.truth [--json PATH] [--quick] [--rate N]

- at half load: the p50, p95 and p99 that run.json reports of each slice, beside the quantiles of
  the server's own times of the same lookups. They may differ by 1 % and a floor, which is what lies
  between the server's clock readings and a client's on this machine: it is measured with one
  blocking socket and no event loop. Held to that is the median over slices, which one pause of the
  machine does not move. Beside it what Locust's own statistics make of the same traffic, and what a
  run of FastHttpUser makes of a quarter of it.
- a stall: the server answers nothing for 1.4 s while lookups go on at a constant rate. The reported
  p99 is held to the one that the schedule gives, within 5 %. Beside it what a few users report that
  each wait for an answer before they send again.

Half load is where the generator's core is about half busy; `generator_cpu` says how busy it was.

Linux, two cores. The generator and the server run ahead of everything else where the system grants
it. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import bare, form, instrument, peers
from benchmarks.form import Bound
from benchmarks.known_delays import Delays, Spec, serving
from benchmarks.lookups import DATASET, PATHS, lookup_path
from benchmarks.matching import match
from benchmarks.quantiles import QUANTILES, error_beyond, nearest_rank, stalled_ms
from dragstrip.config.sections import TRICKLE_PER_S
from dragstrip.ledger.rows import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.form import Cores
    from dragstrip.ledger.rows import Rows
    from dragstrip.race.race import Result

SEED = 20250103
RATE = 4000.0
MOST_ERROR = 0.01
MOST_STALL_ERROR = 0.05
MOST_FLOOR_MS = 0.3
"""A machine whose floor is higher gets no more than this."""

SMOOTH = Delays(PATHS[0], ((1.0, 20.0, 0.5),))
HEAVY_TAIL = Delays(PATHS[1], ((0.9, 10.0, 0.3), (0.1, 60.0, 0.5)))
_MEAN_S = 0.025
_BARE = Delays("/bare", ((1.0, 5.0, 0.4),))
_BARE_LOOKUPS = 400
_NAMES = ("baseline", "challenger")
_SETTLE_S = 1.0
_COUNTED_S = 4.0

STALL_S = 1.4
STALL_RATE = 200
STALL_DELAY_MS = 5.0
_STALL_COUNTED_S = 10.0
_STALL_SLICE_S = _SETTLE_S + _STALL_COUNTED_S
_STALL_CONNECTIONS = 340
"""More than can be waiting when the stall ends."""
_PEER_USERS = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("truth", __doc__)
    parser.add_argument("--rate", type=float, default=RATE, metavar="N", help="of half load")
    options = parser.parse_args(argv)
    cores = form.cores()
    floor_ms = _floor_ms(cores)
    half_load = _half_load(cores, floor_ms, options.rate, 1 if options.quick else 3)
    stall = _stall(cores, 1 if options.quick else 2)
    bounds = [
        Bound(f"{name} {q}: error beyond the floor", one["error"], "at most", MOST_ERROR)
        for name in _NAMES
        for q, one in half_load[name]["quantiles"].items()
    ]
    bounds.append(Bound("p99 with a stall: error", stall["error"], "at most", MOST_STALL_ERROR))
    figures = {
        "floor_ms": floor_ms,
        "half_load": half_load,
        "fast_http_user": _fast_http_user(cores, options.rate / 4),
        "stall": stall,
        "stall_closed_loop": _closed_loop(cores),
    }
    return form.conclude("truth", argv, bounds, figures, options.json)


def _floor_ms(cores: Cores) -> float:
    """Return what two wake-ups and two crossings of the loopback interface take, the median."""
    with serving(Spec(SEED, (_BARE,), cores.server)) as server:
        path = lookup_path(_BARE.path, 3)
        times = bare.round_trips_ns(server.url, path, _BARE_LOOKUPS, cores.generator)
    log = server.times
    added = times[:, 1] - times[:, 0] - (log.departure_ns - log.arrival_ns)
    return min(float(np.median(added)) / 1e6, MOST_FLOOR_MS)


def _half_load(cores: Cores, floor_ms: float, rate: float, pairs: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dragstrip-truth-") as folder:
        with serving(Spec(SEED, (SMOOTH, HEAVY_TAIL), cores.server)) as server:
            result = instrument.race_at(
                server.url,
                Path(folder),
                {cores.generator},
                pairs=pairs,
                slice=_SETTLE_S + _COUNTED_S,
                warmup=_SETTLE_S,
                rate=rate,
                users=_users(rate),
            )
        rows, log = instrument.rows_of(result), server.times
        served_ns = (log.departure_ns - log.arrival_ns)[match(rows, log, DATASET.phone)]
        return {
            "rate": rate,
            "generator_cpu": instrument.gate(result, "generator_cpu"),
        } | {
            name: _target(result, number, rows, served_ns, floor_ms)
            for number, name in enumerate(_NAMES)
        }


def _users(rate: float) -> int:
    # By Little's law that many are under way on average; thrice that for the bursts.
    return max(round(rate * _MEAN_S * 3), 16)


def _target(
    result: Result, number: int, rows: Rows, served_ns: NDArray[np.int64], floor_ms: float
) -> dict[str, Any]:
    mine = rows["target"] == number
    counted = mine & (rows["flags"] & Flag.COUNTED != 0)
    added_ns = (rows["done_ns"] - rows["scheduled_ns"] - served_ns)[counted]
    locust = peers.read(result.folder.path / "locust_stats.csv", _NAMES[number])
    quantiles = {}
    for name, q in QUANTILES.items():
        slices = [
            (
                nearest_rank(served_ns[counted & (rows["slice"] == one.index)], q) / 1e6,
                getattr(one, f"{name}_ms"),
            )
            for one in result.run.slices
            if one.target == _NAMES[number]
        ]
        of_all_ms = nearest_rank(served_ns[mine], q) / 1e6
        quantiles[name] = {
            "server_ms": statistics.median(true for true, _ in slices),
            "reported_ms": statistics.median(ours for _, ours in slices),
            "error": statistics.median(error_beyond(o, t, floor_ms) for t, o in slices),
            "error_with_floor": statistics.median(ours / true - 1 for true, ours in slices),
            "error_with_floor_by_slice": [ours / true - 1 for true, ours in slices],
            "locust_ms": locust.quantiles_ms[name],
            "locust_error": locust.quantiles_ms[name] / of_all_ms - 1,
        }
    return {
        "lookups": int(counted.sum()),
        "no_connection": result.run.targets[_NAMES[number]].no_connection,
        "added_to_each_ms": {q: nearest_rank(added_ns, p) / 1e6 for q, p in QUANTILES.items()},
        "quantiles": quantiles,
    }


def _fast_http_user(cores: Cores, rate: float) -> dict[str, Any]:
    with serving(Spec(SEED, (SMOOTH, HEAVY_TAIL), cores.server)) as server:
        found = peers.run(
            server.url,
            SMOOTH.path,
            core=cores.generator,
            users=_users(rate),
            rate=rate,
            seconds=_SETTLE_S + _COUNTED_S,
        )
    served_ms = (server.times.departure_ns - server.times.arrival_ns) / 1e6
    return {"rate": rate, "requests": found.requests} | {
        name: {
            "server_ms": nearest_rank(served_ms, q),
            "locust_ms": found.quantiles_ms[name],
            "locust_error": found.quantiles_ms[name] / nearest_rank(served_ms, q) - 1,
        }
        for name, q in QUANTILES.items()
    }


def _stall(cores: Cores, pairs: int) -> dict[str, Any]:
    theory_ms = _stalled_ms()
    # A target sees its own slice and the trickle of the other's, then the next pair's.
    every = int(STALL_RATE * _STALL_SLICE_S) + int(TRICKLE_PER_S * _STALL_SLICE_S)
    after = round(STALL_RATE * (_SETTLE_S + 0.4 * _STALL_COUNTED_S))
    with (
        tempfile.TemporaryDirectory(prefix="dragstrip-truth-") as folder,
        serving(_stalling(cores, after, every)) as server,
    ):
        result = instrument.race_at(
            server.url,
            Path(folder),
            {cores.generator},
            pairs=pairs,
            slice=_STALL_SLICE_S,
            warmup=_SETTLE_S,
            rate=STALL_RATE,
            arrivals="constant",
            connections=_STALL_CONNECTIONS,
        )
    reported_ms = [one.p99_ms or 0.0 for one in result.run.slices]
    return {
        "stall_s": STALL_S,
        "rate": STALL_RATE,
        "counted_s": _STALL_COUNTED_S,
        "theory_p99_ms": theory_ms,
        "reported_p99_ms": reported_ms,
        "error": statistics.median(abs(ours / theory_ms - 1) for ours in reported_ms),
    }


def _closed_loop(cores: Cores) -> dict[str, Any]:
    """Let a few paced FastHttpUsers meet the same stall."""
    after = round(STALL_RATE * 0.4 * _STALL_COUNTED_S)
    with serving(_stalling(cores, after, None)) as server:
        found = peers.run(
            server.url,
            PATHS[0],
            core=cores.generator,
            users=_PEER_USERS,
            rate=STALL_RATE,
            seconds=_STALL_COUNTED_S,
        )
    return {
        "client": "locust FastHttpUser, constant_throughput",
        "connections": _PEER_USERS,
        "requests": found.requests,
        "theory_p99_ms": _stalled_ms(),
        "locust_p99_ms": found.quantiles_ms["p99"],
    }


def _stalled_ms() -> float:
    return stalled_ms(
        0.99,
        stall_ms=STALL_S * 1e3,
        counted_ms=_STALL_COUNTED_S * 1e3,
        delay_ms=STALL_DELAY_MS,
    )


def _stalling(cores: Cores, after: int, every: int | None) -> Spec:
    steady = ((1.0, STALL_DELAY_MS, 0.0),)
    streams = tuple(Delays(path, steady, after, every, STALL_S) for path in PATHS)
    return Spec(SEED, streams, cores.server)


if __name__ == "__main__":
    sys.exit(main())
