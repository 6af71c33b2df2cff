"""Does the instrument report what happened? A server with known delays says what did.

    python -m benchmarks.truth [--json PATH] [--quick] [--rate N]

- at half load: the reported p50, p95 and p99 of two targets beside the quantiles of the server's
  own times of the same lookups. They may differ by 1 % and a floor, which is what lies between the
  server's clock readings and a client's on this machine: it is measured with one blocking socket
  and no event loop. Beside it what Locust's own statistics make of the same traffic.
- a stall: the server answers nothing for 1.4 s while lookups go on at a constant rate. The reported
  p99 is held to the one that the schedule gives, within 5 %. Beside it what users report that wait
  for an answer before they send again.

Linux, two cores. The generator and the server run ahead of everything else where the system grants
it. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

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
from dragstrip.ledger.rows import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.form import Cores
    from dragstrip.ledger.rows import Rows
    from dragstrip.race import Result

SEED = 20250103
RATE = 2000
SETTLE_S = 2.0
MOST_ERROR = 0.01
MOST_STALL_ERROR = 0.05
MOST_FLOOR_MS = 0.3
"""A machine whose floor is higher gets no more than this."""

SMOOTH = Delays(PATHS[0], ((1.0, 20.0, 0.5),))
HEAVY_TAIL = Delays(PATHS[1], ((0.9, 6.0, 0.3), (0.1, 60.0, 0.5)))
_BARE = Delays("/bare", ((1.0, 5.0, 0.4),))
_BARE_LOOKUPS = 400

STALL_S = 1.4
STALL_RATE = 200
STALL_DELAY_MS = 5.0
_WAITING = 340
"""Connections: more than can be waiting when the stall ends."""
_PEER_USERS = 10

_NAMES = ("baseline", "challenger")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("truth", __doc__)
    parser.add_argument("--rate", type=float, default=RATE, metavar="N", help="of half load")
    options = parser.parse_args(argv)
    cores = form.cores()
    floor_ms = _floor_ms(cores)
    half_load = _half_load(cores, floor_ms, options.rate, 4 if options.quick else 12)
    stall = _stall(cores, 10 if options.quick else 20)
    bounds = [
        Bound(f"{name} {q}: error beyond the floor", one["error"], "at most", MOST_ERROR)
        for name in _NAMES
        for q, one in half_load[name]["quantiles"].items()
    ] + [
        Bound(f"p99 with a stall, {name}: error", stall[name]["error"], "at most", MOST_STALL_ERROR)
        for name in _NAMES
    ]
    figures = {"floor_ms": floor_ms, "half_load": half_load, "stall": stall}
    return form.conclude("truth", argv, bounds, figures, options.json)


def _floor_ms(cores: Cores) -> float:
    """Return what two wake-ups and two crossings of the loopback interface take, the median."""
    with serving(Spec(SEED, (_BARE,), cores.server)) as server:
        path = lookup_path(_BARE.path, 3)
        times = bare.round_trips_ns(server.url, path, _BARE_LOOKUPS, cores.generator)
    log = server.times
    added = times[:, 1] - times[:, 0] - (log.departure_ns - log.arrival_ns)
    return min(float(np.median(added)) / 1e6, MOST_FLOOR_MS)


def _half_load(cores: Cores, floor_ms: float, rate: float, counted_s: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="dragstrip-truth-") as folder:
        with serving(Spec(SEED, (SMOOTH, HEAVY_TAIL), cores.server)) as server:
            result = instrument.race_at(
                server.url,
                Path(folder),
                {cores.generator},
                pairs=1,
                slice=counted_s + SETTLE_S,
                settle=SETTLE_S,
                rate=rate,
                users=_users(rate),
            )
        rows, log = instrument.rows_of(result), server.times
        places = match(rows, log, DATASET.phone)
        served_ns = (log.departure_ns - log.arrival_ns)[places]
        return {
            "rate": rate,
            "generator_cpu": instrument.gate(result, "generator_cpu"),
            "ratio_p95": _ratio(result, rows, served_ns),
        } | {
            name: _target(result, number, rows, served_ns, floor_ms)
            for number, name in enumerate(_NAMES)
        }


def _users(rate: float) -> int:
    # By Little's law a target holds rate * mean delay connections; thrice that for the bursts.
    return max(round(rate * 0.025 * 3), 16)


def _target(
    result: Result, number: int, rows: Rows, served_ns: NDArray[np.int64], floor_ms: float
) -> dict[str, Any]:
    mine = rows["target"] == number
    counted = mine & (rows["flags"] & Flag.COUNTED != 0)
    reported = result.run.targets[_NAMES[number]]
    locust = peers.read(result.folder.path / "locust_stats.csv", _NAMES[number])
    added_ns = (rows["done_ns"] - rows["due_ns"] - served_ns)[counted]
    quantiles = {}
    for name, q in QUANTILES.items():
        true_ms = nearest_rank(served_ns[counted], q) / 1e6
        ours_ms = getattr(reported, f"{name}_ms")
        all_ms = nearest_rank(served_ns[mine], q) / 1e6
        quantiles[name] = {
            "server_ms": true_ms,
            "reported_ms": ours_ms,
            "error": error_beyond(ours_ms, true_ms, floor_ms),
            "error_with_floor": ours_ms / true_ms - 1,
            "locust_ms": locust.quantiles_ms[name],
            "locust_error": locust.quantiles_ms[name] / all_ms - 1,
        }
    return {
        "lookups": int(counted.sum()),
        "verified": reported.verified,
        "no_slot": reported.no_slot,
        "added_by_all_between_ms": {
            q: nearest_rank(added_ns, p) / 1e6 for q, p in QUANTILES.items()
        },
        "quantiles": quantiles,
    }


def _ratio(result: Result, rows: Rows, served_ns: NDArray[np.int64]) -> dict[str, float]:
    counted = rows["flags"] & Flag.COUNTED != 0
    old, new = (
        nearest_rank(served_ns[counted & (rows["target"] == number)], 0.95) for number in (0, 1)
    )
    ours = [result.run.targets[name].p95_ms or float("nan") for name in _NAMES]
    return {"server": new / old, "reported": ours[1] / ours[0]}


def _stall(cores: Cores, counted_s: float) -> dict[str, Any]:
    theory_ms = stalled_ms(
        0.99, stall_ms=STALL_S * 1e3, counted_ms=counted_s * 1e3, delay_ms=STALL_DELAY_MS
    )
    after = round(STALL_RATE * (SETTLE_S + 0.3 * counted_s))
    with (
        tempfile.TemporaryDirectory(prefix="dragstrip-truth-") as folder,
        serving(_stalling(after, cores)) as server,
    ):
        result = instrument.race_at(
            server.url,
            Path(folder),
            {cores.generator},
            pairs=1,
            slice=counted_s + SETTLE_S,
            settle=SETTLE_S,
            rate=STALL_RATE,
            arrivals="constant",
            users=_WAITING,
        )
    found = {
        name: {"p99_ms": total.p99_ms, "error": abs((total.p99_ms or 0) / theory_ms - 1)}
        for name, total in result.run.targets.items()
    }
    return {
        "stall_s": STALL_S,
        "rate": STALL_RATE,
        "counted_s": counted_s,
        "theory_p99_ms": theory_ms,
        **found,
        "closed_loop": _closed_loop(cores, counted_s),
    }


def _closed_loop(cores: Cores, seconds: float) -> dict[str, Any]:
    """Let a few paced FastHttpUsers meet the same stall."""
    with serving(_stalling(round(STALL_RATE * 0.4 * seconds), cores)) as server:
        found = peers.run(
            server.url,
            PATHS[0],
            core=cores.generator,
            users=_PEER_USERS,
            rate=STALL_RATE,
            seconds=seconds,
        )
    return {
        "users": _PEER_USERS,
        "requests": found.requests,
        "p99_ms": found.quantiles_ms["p99"],
    }


def _stalling(after: int, cores: Cores) -> Spec:
    streams = tuple(
        Delays(path, ((1.0, STALL_DELAY_MS, 0.0),), stall_after=after, stall_s=STALL_S)
        for path in PATHS
    )
    return Spec(SEED, streams, cores.server)


if __name__ == "__main__":
    sys.exit(main())
