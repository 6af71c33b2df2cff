"""How many verified lookups a second does one core get through?

    python -m benchmarks.speed [--json PATH] [--quick]

A local nginx on one core answers each lookup from a file, so that the bodies are the dataset's real
answers; the generators take turns on another core, each in a process of its own, with 32 kept-alive
connections and no pause between lookups (a closed model). Ours is the whole instrument: a race run
by Locust, every answer verified, every lookup in the ledger on disk, Locust's statistics fed in
bulk, snapshots taken. So is the scenario `endpoint`, which fills its requests from a file of JSON
lines and compares each answer with a column of it. Locust's HttpUser and FastHttpUser verify each
answer by its status and CRC-32; their paths are made beforehand. hey, h2load and wrk ask for one
phone number for ever, verify nothing, and are there for scale.

A round holds one turn of each, in an order that rotates; ratios are medians over rounds, with their
range, so that a machine that slows down slows them alike. Processor time for each lookup stands
beside the rate: on a machine that is busy with other things it is the steadier figure.

Linux. Exit code 1 when a bound is broken or an answer was wrong, 2 when nginx is missing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson

from benchmarks import nginx, speed_tools
from benchmarks.form import EXIT_BOUND, EXIT_MISSING, Bound, conclude, cores, parser
from benchmarks.instrument import endpoint_race_at, race_at, rows_of
from benchmarks.lookups import API_KEY, DATASET, PATHS, lookup_path
from benchmarks.scheduling import how, placed
from dragstrip.ledger.rows import Flag, Outcome
from seeding.dataset.dataset import not_found

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dragstrip.race.race import Result

    Race = Callable[..., Result]

OURS = "dragstrip, the whole instrument"
ENDPOINT = "dragstrip, the scenario endpoint"
CONNECTION = "our connection alone"
FAST = "Locust FastHttpUser"
PYTHON = (CONNECTION, FAST, "Locust HttpUser")

LEAST_TIMES_FAST_HTTP_USER = 6.0
LEAST_OF_LOOKUP = 0.9

USERS = 32
_MISS = 0.05
_LOOKUPS = 20_000
_STARTING_S = 60


class SpeedRound(NamedTuple):
    """One contender's part of a round; `cpu_us` is processor time for each lookup."""

    per_s: float
    cpu_us: float


class Lengths(NamedTuple):
    """How many rounds, and the seconds that a turn warms up and counts."""

    rounds: int
    settle_s: float
    seconds: int


class WrongAnswers(Exception):
    """A contender got an answer that is not the dataset's."""


def main(argv: Sequence[str]) -> int:
    """Measure, print, store; return the exit code."""
    options = parser("speed", __doc__).parse_args(argv)
    lengths = Lengths(2, 1, 2) if options.quick else Lengths(5, 1.5, 3)
    bodies = {DATASET.phone(key): body_of(key) for key in range(DATASET.contacts)}
    where = cores()
    try:
        with ExitStack() as stack:
            # A child inherits where its parent may run.
            with placed({where.server}):
                serving = nginx.serving(bodies, body_of(DATASET.contacts), PATHS)
                url = stack.enter_context(serving)
            turns = measured(_contenders(url, lengths, where.generator), lengths.rounds)
    except nginx.NginxMissing as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_MISSING
    except (WrongAnswers, speed_tools.ToolFailed) as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BOUND
    figures = _figures(turns, lengths)
    bounds = [
        Bound(
            f"verified lookups per second, times {FAST}",
            figures["times"][FAST]["per_s"]["median"],
            "at least",
            LEAST_TIMES_FAST_HTTP_USER,
        ),
        Bound(
            "verified requests per second of the scenario endpoint, times the lookup's",
            _rounded(1 / figures["times"][ENDPOINT]["per_s"]["median"]),
            "at least",
            LEAST_OF_LOOKUP,
        ),
    ]
    return conclude("speed", argv, bounds, figures, options.json)


def body_of(key: int) -> bytes:
    """Return the right answer for a key."""
    return orjson.dumps(DATASET.answer(key) if key < DATASET.contacts else not_found())


def _contenders(url: str, lengths: Lengths, core: int) -> dict[str, Callable[[], SpeedRound]]:
    spec = json.dumps(
        {
            "url": url,
            "users": USERS,
            "settle_s": lengths.settle_s,
            "seconds": lengths.seconds,
            "lookups": _lookups(),
            "headers": {"x-api-key": API_KEY},
        }
    ).encode()
    load = speed_tools.Load(
        url + lookup_path(PATHS[1], 0), f"x-api-key: {API_KEY}", USERS, lengths.seconds
    )
    return (
        {
            OURS: lambda: turn_of(OURS, lengths, lookup_race(url, core)),
            ENDPOINT: lambda: turn_of(ENDPOINT, lengths, _endpoint_race(url, core)),
        }
        | {name: lambda name=name: _python_client(name, spec, core) for name in PYTHON}
        | {
            name: lambda name=name: tool_turn(name, load, core)
            for name in speed_tools.PACKAGES
            if speed_tools.installed(name)
        }
    )


def _lookups() -> list[tuple[str, int]]:
    """Return paths to ask for, by the same distribution as the instrument's, and checksums."""
    random = np.random.default_rng(1)
    keys = random.integers(0, DATASET.contacts, _LOOKUPS)
    nobody = DATASET.contacts + random.integers(0, 1_000_000, _LOOKUPS)
    keys = np.where(random.random(_LOOKUPS) < _MISS, nobody, keys)
    return [(lookup_path(PATHS[1], key), zlib.crc32(body_of(key))) for key in keys.tolist()]


def measured(
    contenders: dict[str, Callable[[], SpeedRound]], rounds: int
) -> dict[str, list[SpeedRound]]:
    """Let all take their turns, in an order that rotates from round to round."""
    turns: dict[str, list[SpeedRound]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            turns[name].append(contenders[name]())
    return turns


def lookup_race(url: str, core: int, **fixed: Any) -> Race:
    """Return a race of lookups; `fixed` are fields of [race]."""
    return lambda folder, **race: race_at(url, folder, {core}, miss=_MISS, **fixed, **race)


def _endpoint_race(url: str, core: int) -> Race:
    """Return a race over the same numbers, a twentieth of which no contact has."""

    def run(folder: Path, **race: Any) -> Result:
        data = folder / "lookups.jsonl"
        keys = range(round(DATASET.contacts * (1 + _MISS)))
        data.write_bytes(b"\n".join(map(_row, keys)))
        operation = {
            "data": str(data),
            "path": PATHS[1] + "?phone={phone}&workspace_id={workspace}",
            "headers": {"x-tenant": "{workspace}"},
            "expect": {"column": "answer"},
        }
        return endpoint_race_at(url, folder, {core}, operation, **race)

    return run


def _row(key: int) -> bytes:
    row = {"phone": DATASET.phone(key), "workspace": DATASET.workspace_id(key)}
    return orjson.dumps(row | {"answer": orjson.loads(body_of(key))})


def turn_of(name: str, lengths: Lengths, race: Race) -> SpeedRound:
    """Race for a turn. Raises WrongAnswers."""
    with tempfile.TemporaryDirectory(prefix="dragstrip-speed-") as folder:
        result = race(
            Path(folder),
            rate=0,
            connections=USERS,
            pairs=1,
            slice=lengths.settle_s + lengths.seconds,
            warmup=lengths.settle_s,
        )
        rows = rows_of(result)
        workers = [one for line in result.folder.read_slices() for one in line["workers"]]
    wrong = np.count_nonzero(rows["outcome"] != Outcome.OK)
    if wrong:
        raise WrongAnswers(f"{name}: {wrong} of {len(rows)} lookups failed")
    counted = np.count_nonzero(rows["flags"] & Flag.COUNTED)
    cpu_s = sum(worker["cpu_s"] for worker in workers)
    return SpeedRound(counted / (len(workers) * lengths.seconds), cpu_s / len(rows) * 1e6)


def _python_client(name: str, spec: bytes, core: int) -> SpeedRound:
    with placed({core}):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed_clients", name],
            input=spec,
            stdout=subprocess.PIPE,
            timeout=_STARTING_S,
            check=True,
            cwd=Path(__file__).parent.parent,
        )
    said = json.loads(done.stdout)
    if said["wrong"]:
        raise WrongAnswers(f"{name}: {said['wrong']} answers were wrong")
    return SpeedRound(said["verified"] / said["wall_s"], said["cpu_s"] / said["verified"] * 1e6)


def tool_turn(name: str, load: speed_tools.Load, core: int) -> SpeedRound:
    """Run a tool for a turn. Raises ToolFailed."""
    with placed({core}):
        per_s, cpu_s = speed_tools.run(name, load)
    return SpeedRound(per_s, cpu_s * 1e6)


def _figures(turns: dict[str, list[SpeedRound]], lengths: Lengths) -> dict[str, Any]:
    missing = {
        name: f"not installed: apt-get install {package}"
        for name, package in speed_tools.PACKAGES.items()
        if name not in turns
    }
    return {
        "lookups": {name: of_contender(taken) for name, taken in turns.items()},
        "times": {
            name: times_of(list(zip(turns[OURS], taken, strict=True)))
            for name, taken in turns.items()
            if name != OURS
        },
        "not_installed": missing,
        "rounds": lengths.rounds,
        "seconds_per_round": lengths.seconds,
        "connections": USERS,
        "scheduling": how(),
    }


def times_of(pairs: list[tuple[SpeedRound, SpeedRound]]) -> dict[str, Any]:
    """Return how many times as fast the first of each pair is, and as cheap."""
    return {
        "per_s": spread([ours.per_s / theirs.per_s for ours, theirs in pairs]),
        "per_cpu_s": spread([theirs.cpu_us / ours.cpu_us for ours, theirs in pairs]),
    }


def of_contender(turns: list[SpeedRound]) -> dict[str, Any]:
    """Return a contender's figures over its turns."""
    return {
        "per_s": spread([turn.per_s for turn in turns]),
        "cpu_us": spread([turn.cpu_us for turn in turns]),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return the median and the range."""
    return {
        "median": _rounded(statistics.median(values)),
        "least": _rounded(min(values)),
        "most": _rounded(max(values)),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
