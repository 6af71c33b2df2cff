"""How many requests a second one process of this machine can send, and still on time.

The whole instrument races the instant server against itself: first in the closed model, for what it
gets through when nothing waits, then in the open model at shares of that. The highest share at
which every gate passes is trusted, once a second race has confirmed it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from dragstrip.analysis.calibration import Attempt, Ceiling
from dragstrip.analysis.gates import MOST_LAG_MS, failed_gates, is_about_speed
from dragstrip.calibrate import null_server
from dragstrip.calibrate.finished_run import finished_run
from dragstrip.calibrate.null_scenario import KEYS, NAME
from dragstrip.config.config import Config
from dragstrip.errors import InvalidRun
from dragstrip.race import race
from dragstrip.race.setup import bind
from dragstrip.scenario.find import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.calibrate.null_server import Server
    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State
    from dragstrip.run.model import Run

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the closed model's rate. At all of it nothing is left for chance."""
SLICE_S, WARMUP_S = 2.5, 1.0

_NAMES = ("instant", "instant-again")


def seek(config: Config, out: Path, say: Callable[[str], None]) -> Ceiling:
    """Race the instant server at several rates, with runs in `out`.

    Of `config`, the connections and timeouts of [race] are used; the open races get more
    connections where these would be what limits the rate. Raises InvalidRun when no rate holds, or
    when a race fails for another reason than its rate.
    """
    first_check_s = find(config.scenario.name)(config).first_check_s()
    with null_server.serving(KEYS) as server:
        races = _Races(config, server, out)
        say("ceiling: as many requests as one process can make")
        closed_per_s, server_cpu = races.closed()
        say(f"ceiling: {closed_per_s:,.0f}/s in the closed model; looking for the rate that holds")
        held, attempts = _search(closed_per_s, races.holds, say)
    if held is None:
        raise InvalidRun(
            f"could not sustain {attempts[-1].rate_per_s:,.0f} requests/s",
            fix="stop other work on this machine",
        )
    return Ceiling(
        rate_per_s=held,
        closed_per_s=closed_per_s,
        new_per_s=1 / (1 / held + first_check_s),
        users=config.race.connections,
        contacts=KEYS,
        server_cpu=server_cpu,
        attempts=attempts,
    )


def _search(
    most_per_s: float, race_at: Callable[[float], Attempt], say: Callable[[str], None]
) -> tuple[float | None, list[Attempt]]:
    """Find the highest share that holds twice: by halves, then from there downwards.

    Whether a rate holds is partly chance near the ceiling, so that the first find is only where to
    start from. At most 4 + 2 * len(SHARES) races.
    """
    attempts: list[Attempt] = []

    def holds(rung: int) -> bool:
        attempts.append(race_at(_rounded(SHARES[rung] * most_per_s)))
        tried = attempts[-1]
        why = ", ".join(gate.name for gate in tried.failed)
        say(f"ceiling: {tried.rate_per_s:,.0f}/s " + (f"fails {why}" if why else "holds"))
        return tried.held

    low, high = 0, len(SHARES)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    for rung in range(low, -1, -1):
        rate = _rounded(SHARES[rung] * most_per_s)
        tried = any(one.held and one.rate_per_s == rate for one in attempts)
        if holds(rung) and (tried or holds(rung)):
            return rate, attempts
    return None, attempts


def _rounded(rate: float) -> float:
    """Return the rate with two significant digits, rounded down; more it does not have."""
    unit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return math.floor(rate / unit) * unit


class _Races:
    """Races of the instant server against itself."""

    def __init__(self, config: Config, server: Server, out: Path) -> None:
        self._config = config
        self._server = server
        self._options = race.Options(out=out)

    def closed(self) -> tuple[float, float]:
        """Return the requests a second in the closed model, and the server's share of a core."""
        cpu_s, started = self._server.cpu_s(), time.monotonic()
        run = self._run(rate=0)
        elapsed_s = time.monotonic() - started
        cpu_s = self._server.cpu_s() - cpu_s
        failed = [gate for gate in failed_gates(run) if not is_about_speed(gate)]
        if failed:
            raise InvalidRun(
                "the race against the instant server fails "
                + ", ".join(gate.name for gate in failed),
                fix="run it again; if it fails again, report it",
            )
        busy_s = len(run.slices) * SLICE_S
        rates = [total.achieved_per_s for total in run.targets.values()]
        return sum(rates) / len(rates), cpu_s / min(busy_s, elapsed_s)

    def holds(self, rate: float) -> Attempt:
        """Race at a rate and return which gates failed."""
        failed = failed_gates(self._run(rate=rate))
        return Attempt(rate_per_s=rate, held=not failed, failed=failed)

    def _run(self, *, rate: float) -> Run:
        with race.ready(*bind(self._at(rate)), self._options, _Unheard()) as setup:
            return finished_run(setup, _Unheard())

    def _at(self, rate: float) -> Config:
        target = {"kind": "http", "url": self._server.url}
        settings = self._config.race.model_dump() | {
            "baseline": _NAMES[0],
            "challenger": _NAMES[1],
            "rate": rate,
            "arrivals": "poisson",
            "keys": "uniform",
            "connections": max(self._config.race.connections, _users(rate)),
            "pairs": 1,
            "stop_when_decided": False,
            "slice": SLICE_S,
            "warmup": WARMUP_S,
            "miss": 0,
            "ledger": "drop",
        }
        return Config.model_validate(
            {
                "scenario": {"name": NAME},
                "targets": dict.fromkeys(_NAMES, target),
                "race": settings,
            }
        )


def _users(rate: float) -> int:
    """Return how many connections a pause takes that the gates on lateness still allow."""
    return math.ceil(rate * MOST_LAG_MS / 1000)


class _Unheard:
    """Progress that is not shown: a race takes a few seconds."""

    def say(self, line: str) -> None:
        pass

    def watch(self, state: State, metric: Metric) -> None:
        pass
