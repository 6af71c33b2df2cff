"""How late are lookups sent? The ledger says, for each, when it was due and when it went out.

    python -m benchmarks.punctuality [--json PATH] [--quick] [--rates N [N ...]]

Two targets take turns at the same rate, Poisson arrivals, one generator process on one core. The
server is on another and answers after a millisecond. A slice's p99 is that of its counted lookups
that found a free connection, as the validity gate has it; the figure that is bounded is the median
over slices, which one pause of the machine does not move. The greatest lateness of all is beside.
`benchmarks.watchers` does the same while browsers watch.

Linux, two cores. The generator and the server run ahead of everything else where the system grants
it. Exit code 1 when a bound is broken.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import form, instrument
from benchmarks.form import Bound
from benchmarks.known_delays import Delays, Spec, serving
from benchmarks.lookups import PATHS
from benchmarks.quantiles import nearest_rank
from benchmarks.watching import watching
from dragstrip.ledger.rows import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.form import Cores
    from dragstrip.ledger.rows import Rows

SEED = 20250104
MOST_LAG_MS = {1000.0: 1.0, 5000.0: 2.0}
"""By the rate: what the p99 may be."""
_DELAY_MS = 1.0
_USERS = 64
_SLICE_S = 4.0
_SETTLE_S = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("punctuality", __doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=list(MOST_LAG_MS), metavar="N")
    options = parser.parse_args(argv)
    pairs = 1 if options.quick else 3
    figures: dict[str, Any] = {}
    bounds = []
    for rate in options.rates:
        name = f"{rate:g}/s"
        figures[name] = lateness(form.cores(), rate, pairs)
        if rate in MOST_LAG_MS:
            p99_ms, most = figures[name]["p99_ms"], MOST_LAG_MS[rate]
            bounds.append(Bound(f"send lag p99 at {name}, ms", p99_ms, "at most", most))
    return form.conclude("punctuality", argv, bounds, figures, options.json)


def lateness(cores: Cores, rate: float, pairs: int, *, is_watched: bool = False) -> dict[str, Any]:
    """Return how late the lookups of a race were sent, and what watched it."""
    unwatched: AbstractContextManager[dict[str, Any]] = nullcontext({})
    streams = tuple(Delays(path, ((1.0, _DELAY_MS, 0.0),)) for path in PATHS)
    with (
        tempfile.TemporaryDirectory(prefix="dragstrip-punctuality-") as folder,
        serving(Spec(SEED, streams, cores.server)) as server,
        watching(Path(folder), cores.server) if is_watched else unwatched as seen,
    ):
        result = instrument.race_at(
            server.url,
            Path(folder),
            {cores.generator},
            pairs=pairs,
            slice=_SLICE_S,
            warmup=_SETTLE_S,
            rate=rate,
            connections=_USERS,
        )
        figures = _figures(instrument.rows_of(result))
    return figures | {
        **seen,
        "achieved_rate": instrument.gate(result, "achieved_rate"),
        "generator_cpu": instrument.gate(result, "generator_cpu"),
        "gate_p99_ms": instrument.gate(result, "send_delay_p99_ms"),
    }


def _figures(rows: Rows) -> dict[str, Any]:
    counted = rows[(rows["flags"] & Flag.COUNTED) != 0]
    free = counted[(counted["flags"] & Flag.NO_CONNECTION) == 0]
    lag_ms = (free["sent_ns"] - free["scheduled_ns"]) / 1e6
    slices = [lag_ms[free["slice"] == number] for number in np.unique(free["slice"])]
    p99s = [nearest_rank(one, 0.99) for one in slices]
    return {
        "lookups": len(counted),
        "no_connection": len(counted) - len(free),
        "p50_ms": statistics.median(nearest_rank(one, 0.50) for one in slices),
        "p99_ms": statistics.median(p99s),
        "p99_ms_range": [min(p99s), max(p99s)],
        "max_ms": float(lag_ms.max()),
    }


if __name__ == "__main__":
    sys.exit(main())
