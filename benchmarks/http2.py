"""How many verified lookups a second does one core get through over HTTP/2?

    python -m benchmarks.http2 [--json PATH] [--quick]

As in benchmarks.speed, but over one HTTP/2 connection without TLS, with 32 streams at once; the
whole instrument over HTTP/1.1 takes its turns beside it. h2load asks for one phone number for ever,
verifies nothing, and is there for scale.

Linux. Exit code 1 when a bound is broken or an answer was wrong, 2 when nginx is missing.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from benchmarks import nginx, speed_tools
from benchmarks.form import EXIT_BOUND, EXIT_MISSING, Bound, conclude, cores, parser
from benchmarks.lookups import API_KEY, DATASET, PATHS, lookup_path
from benchmarks.scheduling import how, placed
from benchmarks.speed import (
    USERS,
    Lengths,
    SpeedRound,
    WrongAnswers,
    body_of,
    lookup_race,
    measured,
    of_contender,
    times_of,
    tool_turn,
    turn_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OURS = "dragstrip over HTTP/2"
OVER_1_1 = "dragstrip over HTTP/1.1"
H2LOAD = "h2load"

LEAST_TIMES_HTTP_1_1 = 0.1


def main(argv: Sequence[str]) -> int:
    """Measure, print, store; return the exit code."""
    options = parser("http2", __doc__).parse_args(argv)
    lengths = Lengths(2, 1, 2) if options.quick else Lengths(5, 1.5, 3)
    bodies = {DATASET.phone(key): body_of(key) for key in range(DATASET.contacts)}
    where = cores()
    try:
        with ExitStack() as stack:
            # A child inherits where its parent may run.
            with placed({where.server}):
                http2, http1 = (
                    stack.enter_context(
                        nginx.serving(bodies, body_of(DATASET.contacts), PATHS, http2=is_http2)
                    )
                    for is_http2 in (True, False)
                )
            contenders = _contenders(http2, http1, lengths, where.generator)
            turns = measured(contenders, lengths.rounds)
    except nginx.NginxMissing as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_MISSING
    except (WrongAnswers, speed_tools.ToolFailed) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BOUND
    figures = _figures(turns, lengths)
    bound = Bound(
        "verified lookups per second over HTTP/2, times HTTP/1.1",
        figures["times"][OVER_1_1]["per_s"]["median"],
        "at least",
        LEAST_TIMES_HTTP_1_1,
    )
    return conclude("http2", argv, [bound], figures, options.json)


def _contenders(
    http2: str, http1: str, lengths: Lengths, core: int
) -> dict[str, Callable[[], SpeedRound]]:
    path, header = lookup_path(PATHS[1], 0), f"x-api-key: {API_KEY}"
    load = speed_tools.Load(http2 + path, header, USERS, lengths.seconds, http2=True)
    contenders = {
        OURS: lambda: turn_of(OURS, lengths, lookup_race(http2, core, protocol="h2")),
        OVER_1_1: lambda: turn_of(OVER_1_1, lengths, lookup_race(http1, core)),
    }
    if speed_tools.installed(H2LOAD):
        contenders[H2LOAD] = lambda: tool_turn(H2LOAD, load, core)
    return contenders


def _figures(turns: dict[str, list[SpeedRound]], lengths: Lengths) -> dict[str, Any]:
    return {
        "lookups": {name: of_contender(taken) for name, taken in turns.items()},
        "times": {
            name: times_of(list(zip(turns[OURS], taken, strict=True)))
            for name, taken in turns.items()
            if name != OURS
        },
        "rounds": lengths.rounds,
        "seconds_per_turn": lengths.seconds,
        "streams": USERS,
        "scheduling": how(),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
