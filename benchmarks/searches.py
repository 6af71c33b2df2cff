"""Does `dragstrip capacity` find what real servers carry? The command, its load, known servers.

    python -m benchmarks.searches [--json PATH] [--quick] [--limit-s S]

A token bucket and a queue with twelve servers are searched together, and a cliff and one with
hysteresis; four such searches run side by side, as most of a search is waiting, again and again
until the time is up: four minutes, or one with --quick. Arrivals are even, so that what each server
carries is known exactly: Poisson arrivals overflow a bucket now and then at any rate.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import form
from tests.support.known_capacity import Cliff, ServerQueue, TokenBucket
from tests.support.searches import searching

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.analysis.capacity_model import CapacityTarget
    from tests.support.known_capacity import Carrier
    from tests.support.searches import SearchRun

LIMIT_S, QUICK_LIMIT_S = 240, 60
LEAST_HELD, MOST_ERROR = 0.8, 0.15
SLO_MS = 100
_CARRIED_PER_S = (300.0, 220.0)
_HOW = (
    *("--slice", "0.6", "--rounds", "12", "--from", "60", "--to", "1200"),
    *("--profile", "constant"),
)
_ALLOWED_ERRORS = 0.01
_SERVERS = 12
KINDS = (("token bucket", "queue"), ("cliff", "hysteresis"))


class Found(NamedTuple):
    """What a search said of one server, which carries `truth_per_s`."""

    target: CapacityTarget
    truth_per_s: float
    took_s: float
    requests: int

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth; an end that is open holds everything."""
        target = self.target
        return (target.low or 0) <= self.truth_per_s <= (target.high or float("inf"))

    @property
    def error(self) -> float:
        """How far the estimate is off, relative; all of it where there is none."""
        return abs((self.target.capacity_per_s or 0) / self.truth_per_s - 1)

    @property
    def half_width(self) -> float:
        """Half the interval's length, relative to the truth; endless where an end is open."""
        if self.target.low is None or self.target.high is None:
            return float("inf")
        return (self.target.high - self.target.low) / 2 / self.truth_per_s


class Searched(NamedTuple):
    """A search of a pair of servers, and what each of them carries."""

    kinds: tuple[str, str]
    run: SearchRun
    truths_per_s: tuple[float, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Search, print, store; return the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    parser = form.parser("searches", __doc__)
    parser.add_argument("--limit-s", type=float, metavar="SECONDS")
    options = parser.parse_args(argv)
    limit_s = options.limit_s or (QUICK_LIMIT_S if options.quick else LIMIT_S)
    found: dict[str, list[Found]] = {kind: [] for pair in KINDS for kind in pair}
    alike, invalid = [], 0
    for runs in _rounds(limit_s):
        for kinds, run, truths in runs:
            if run.code:
                sys.stderr.write(f"{' and '.join(kinds)}: {run.errors}\n")
                invalid += 1
                continue
            alike.append(run.capacity.verdict == "inconclusive")
            for kind, one in zip(kinds, _found(run, truths), strict=True):
                found[kind].append(one)
    every = [one for kind in found.values() for one in kind]
    if not every:
        sys.stderr.write("no search came to an end\n")
        return form.EXIT_BOUND
    figures = {
        "invalid_searches": invalid,
        "equal_servers_not_told_apart": sum(alike) / len(alike),
        "servers": {kind: _row(rows) for kind, rows in found.items() if rows},
        "all": _row(every),
    }
    bounds = [
        form.Bound(
            "intervals that hold what a server carries", _held(every), "at least", LEAST_HELD
        ),
        form.Bound(
            "median error of the estimate",
            median(one.error for one in every),
            "at most",
            MOST_ERROR,
        ),
    ]
    return form.conclude("searches", argv, bounds, figures, options.json)


def _rounds(limit_s: float) -> Iterator[list[Searched]]:
    """Search all pairs at once, as long as one more time fits in."""
    started, longest_s = time.monotonic(), 0.0
    for seed in count():
        began = time.monotonic()
        if began - started + longest_s > limit_s:
            return
        with tempfile.TemporaryDirectory(prefix="dragstrip-bench-") as place, ExitStack() as stack:
            found = [
                Searched(kinds, stack.enter_context(run), truths)
                for per_s in _CARRIED_PER_S
                for kinds, run, truths in _searches(Path(place, f"{per_s:g}"), per_s, seed)
            ]
            for one in found:
                one.run.wait()
            yield found
        longest_s = max(longest_s, time.monotonic() - began)


def _searches(place: Path, per_s: float, seed: int) -> Iterator[Any]:
    how = (*_HOW, "--seed", str(seed))
    pairs: tuple[tuple[tuple[Carrier, Carrier], tuple[float, float]], ...] = (
        (
            (TokenBucket(per_s, per_s / 15), ServerQueue(_SERVERS, _SERVERS / per_s)),
            (per_s / (1 - _ALLOWED_ERRORS), per_s),
        ),
        ((Cliff(per_s, per_s), Cliff(per_s, 0.3 * per_s)), (per_s, per_s)),
    )
    for kinds, (carriers, truths) in zip(KINDS, pairs, strict=True):
        yield kinds, searching(place / kinds[0], carriers, *how, slo_ms=SLO_MS), truths


def _found(run: SearchRun, truths: tuple[float, float]) -> list[Found]:
    capacity = run.capacity
    took_s = (capacity.ended - capacity.started).total_seconds()
    targets = (capacity.targets[name] for name in (capacity.baseline, capacity.challenger))
    return [
        Found(target, truth, took_s, server.asked)
        for target, truth, server in zip(targets, truths, run.servers, strict=True)
    ]


def _held(found: list[Found]) -> float:
    return sum(one.holds for one in found) / len(found)


def _row(found: list[Found]) -> dict[str, Any]:
    bounded = [one.half_width for one in found if one.half_width < float("inf")]
    limits = sorted({one.target.limited_by for one in found})
    return {
        "searches": len(found),
        "interval_holds": _held(found),
        "median_error": median(one.error for one in found),
        "largest_error": max(one.error for one in found),
        "median_half_width": median(bounded) if bounded else None,
        "open_ends": len(found) - len(bounded),
        "limited_by": ", ".join(limits),
        "hysteresis_said": sum(bool(one.target.remarks) for one in found),
        "median_s": median(one.took_s for one in found),
        "median_requests": median(one.requests for one in found),
    }


if __name__ == "__main__":
    sys.exit(main())
