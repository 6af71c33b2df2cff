"""How late are lookups sent? The ledger says, for each, when it was due and when it went out.

    python -m benchmarks.punctuality [--json PATH] [--quick] [--rates N [N ...]]

Two targets take turns at the same rate, Poisson arrivals, one generator process on one core. The
server is on another: up to 5,000/s it answers after a millisecond; above, where that server would
be the limit, it is a local nginx. A slice's p99 is that of its counted lookups that found a free
connection, as the validity gate has it; the figure that is bounded is the median over slices, which
one pause of the machine does not move. The greatest lateness of all is beside.
`benchmarks.watchers` does the same while browsers watch.

`cost` is the generator's processor time for each lookup in the open model at 10,000/s, times that
in the closed model, beside the same of bare loops over sockets, which verify and keep nothing. All
ask nginx, and take turns. How much a sleep and a wake-up cost is the machine's, in a virtual one a
multiple of what it is elsewhere; so what is bounded is our ratio over the bare loops'.

Linux, two cores. The generator and the server run ahead of everything else where the system grants
it. Exit code 1 when a bound is broken, 2 when nginx is missing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import bare, form, instrument, nginx
from benchmarks.form import EXIT_MISSING, Bound
from benchmarks.known_delays import Delays, Spec, serving
from benchmarks.lookups import DATASET, PATHS, lookup_path
from benchmarks.quantiles import nearest_rank
from benchmarks.scheduling import placed
from benchmarks.speed import USERS, body_of, spread
from benchmarks.watching import watching
from dragstrip.ledger.rows import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.form import Cores
    from dragstrip.ledger.rows import Rows
    from dragstrip.race.race import Result

SEED = 20250104
RATES_PER_S = (1_000.0, 5_000.0, 10_000.0, 20_000.0)
MOST_LAG_MS = 1.0
MOST_COST = 1.0
_COST_PER_S = 10_000.0
_DELAYED_UP_TO_PER_S = 5_000.0
_DELAY_MS = 1.0
_USERS = 64
_SLICE_S = 4.0
_SETTLE_S = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("punctuality", __doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES_PER_S, metavar="N")
    options = parser.parse_args(argv)
    pairs = 1 if options.quick else 3
    try:
        figures: dict[str, Any] = {
            f"{rate:g}/s": lateness(form.cores(), rate, pairs) for rate in options.rates
        }
        bounds = [
            Bound(f"send lag p99 at {rate}, ms", figure["p99_ms"], "at most", MOST_LAG_MS)
            for rate, figure in figures.items()
        ]
        figures["cost"] = _cost(form.cores(), pairs)
    except nginx.NginxMissing as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_MISSING
    cost = figures["cost"]["times"]["median"] / figures["cost"]["bare_times"]["median"]
    name = f"open over closed model's processor time at {_COST_PER_S:,.0f}/s, times the bare loops'"
    bounds.append(Bound(name, cost, "at most", MOST_COST))
    return form.conclude("punctuality", argv, bounds, figures, options.json)


def lateness(cores: Cores, rate: float, pairs: int, *, is_watched: bool = False) -> dict[str, Any]:
    """Return how late the lookups of a race were sent, and what watched it."""
    unwatched: AbstractContextManager[dict[str, Any]] = nullcontext({})
    with (
        tempfile.TemporaryDirectory(prefix="dragstrip-punctuality-") as folder,
        _server(cores.server, rate) as url,
        watching(Path(folder), cores.server) if is_watched else unwatched as seen,
    ):
        result = _race(url, folder, cores.generator, pairs, rate=rate, connections=_USERS)
        figures = _figures(instrument.rows_of(result))
    return figures | {
        **seen,
        "achieved_rate": instrument.gate(result, "achieved_rate"),
        "generator_cpu": instrument.gate(result, "generator_cpu"),
        "gate_p99_ms": instrument.gate(result, "send_delay_p99_ms"),
    }


@contextmanager
def _server(core: int, rate: float) -> Iterator[str]:
    """Answer on a core until the end of the block; yield the address. Raises NginxMissing."""
    if rate <= _DELAYED_UP_TO_PER_S:
        streams = tuple(Delays(path, ((1.0, _DELAY_MS, 0.0),)) for path in PATHS)
        with serving(Spec(SEED, streams, core)) as server:
            yield server.url
        return
    bodies = {DATASET.phone(key): body_of(key) for key in range(DATASET.contacts)}
    with ExitStack() as stack:
        # A child inherits where its parent may run.
        with placed({core}):
            answering = nginx.serving(bodies, body_of(DATASET.contacts), PATHS)
            url = stack.enter_context(answering)
        yield url


def _race(url: str, folder: str, core: int, pairs: int, **race: Any) -> Result:
    return instrument.race_at(
        url, Path(folder), {core}, pairs=pairs, slice=_SLICE_S, warmup=_SETTLE_S, **race
    )


def _cost(cores: Cores, rounds: int) -> dict[str, Any]:
    of: dict[str, list[float]] = {}
    path = lookup_path(PATHS[0], 0)
    drawn = np.random.default_rng(SEED).exponential(
        1e9 / _COST_PER_S, round(_COST_PER_S * _SLICE_S)
    )
    gaps_ns = drawn.astype(np.int64).tolist()
    with _server(cores.server, _COST_PER_S) as url:
        bare_closed = partial(bare.closed_cpu_us, url, path, cores.generator, connections=USERS)
        bare_open = partial(bare.open_cpu_us, url, path, cores.generator, connections=_USERS)
        for _ in range(rounds):
            found = {
                "open_cpu_us": _cpu_us(url, cores.generator, rate=_COST_PER_S, connections=_USERS),
                "closed_cpu_us": _cpu_us(url, cores.generator, rate=0, connections=USERS),
                "bare_open_cpu_us": bare_open(gaps_ns=gaps_ns),
                "bare_closed_cpu_us": bare_closed(length_s=_SLICE_S),
            }
            found["times"] = found["open_cpu_us"] / found["closed_cpu_us"]
            found["bare_times"] = found["bare_open_cpu_us"] / found["bare_closed_cpu_us"]
            for name, value in found.items():
                of.setdefault(name, []).append(value)
    return {name: spread(values) for name, values in of.items()}


def _cpu_us(url: str, core: int, **race: Any) -> float:
    with tempfile.TemporaryDirectory(prefix="dragstrip-punctuality-") as folder:
        result = _race(url, folder, core, 1, **race)
        reports = [one for line in result.folder.read_slices() for one in line["workers"]]
        lookups = len(instrument.rows_of(result))
    return sum(one["cpu_s"] for one in reports) / lookups * 1e6


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
