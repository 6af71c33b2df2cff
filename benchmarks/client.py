"""How many verified answers a second does one core get through each HTTP client?

    python -m benchmarks.client [--json PATH] [--rounds N] [--seconds S] [--slots N]

A local nginx serves JSON files of 665 bytes from one core; on another, the clients take turns,
each with as many kept-alive connections as there are slots. Every body is checked by its CRC-32.
A round holds one turn of each client, in an order that rotates; ratios are medians over rounds,
so that a machine that slows down slows them alike. Processor time per answer is given beside the
rate: on a machine that is busy with other things it is the steadier figure.

Linux. Exit code 1 when an answer was wrong, 2 when nginx is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
from geventhttpclient import HTTPClient
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment

from benchmarks import nginx
from dragstrip.measure.connection import Connection
from dragstrip.targets import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.nginx import Files

_FILES = 1000
_BODY_BYTES = 665
_TIMEOUT_S = 10

OURS = "connection"
PEERS = ("geventhttpclient", "locust FastHttpUser")


class Turn(NamedTuple):
    """One client's part of a round."""

    verified: int
    wrong: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        """Verified answers a second."""
        return self.verified / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time for each answer."""
        return self.cpu_s / max(self.verified, 1) * 1e6


def main() -> int:
    """Measure, print, store; return the exit code."""
    options = _options()
    client_core, server_core = _cores()
    try:
        # A child inherits where its parent may run.
        os.sched_setaffinity(0, {server_core})
        with nginx.serving(_bodies()) as files:
            os.sched_setaffinity(0, {client_core})
            turns = _measure(files, options)
    except nginx.NginxMissing as error:
        sys.stderr.write(f"{error}\n")
        return 2
    document = _document(turns, options, client_core != server_core)
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    sys.stdout.write(text)
    if options.json:
        options.json.write_text(text)
    return 1 if document["wrong"] else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.client", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="store the figures there too")
    parser.add_argument("--rounds", type=_at_least(1), default=10, metavar="N")
    parser.add_argument("--seconds", type=_at_least(1), default=2, metavar="S", help="per turn")
    parser.add_argument("--slots", type=_at_least(1), default=32, metavar="N")
    return parser.parse_args()


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    return number


def _cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[-1]


def _bodies() -> list[bytes]:
    return [
        json.dumps({"found": True, "index": index}).ljust(_BODY_BYTES).encode()
        for index in range(_FILES)
    ]


def _measure(files: Files, options: argparse.Namespace) -> dict[str, list[Turn]]:
    clients = {name: _slots(name, files, options.slots) for name in (OURS, *PEERS)}
    for asks in clients.values():
        _take_turn(asks, files, 0.2)
    turns: dict[str, list[Turn]] = {name: [] for name in clients}
    for number in range(options.rounds):
        names = list(clients)
        for name in names[number % 3 :] + names[: number % 3]:
            turns[name].append(_take_turn(clients[name], files, options.seconds))
    return turns


def _slots(name: str, files: Files, count: int) -> list[Any]:
    """Return, for each slot, a function from a path to the status and the body."""
    if name == "locust FastHttpUser":
        return list(_fast_http_users(files, count))
    make = _connections if name == OURS else _http_clients
    return list(make(files, count))


def _connections(files: Files, count: int) -> Iterator[Any]:
    requests = {path: Request("GET", path, {}) for path in files.checksums}
    for _ in range(count):
        send = Connection(files.url, _TIMEOUT_S).send

        def ask(path: str, send: Any = send) -> tuple[int, bytes]:
            reply = send(requests[path])
            return reply.status, reply.body

        yield ask


def _http_clients(files: Files, count: int) -> Iterator[Any]:
    for _ in range(count):
        get = HTTPClient.from_url(files.url, concurrency=1, network_timeout=_TIMEOUT_S).get

        def ask(path: str, get: Any = get) -> tuple[int, bytes]:
            response = get(path)
            body = bytes(response.read())
            response.release()
            return response.status_code, body

        yield ask


def _fast_http_users(files: Files, count: int) -> Iterator[Any]:
    class Caller(FastHttpUser):
        host = files.url

    environment = Environment(user_classes=[Caller], host=files.url)
    # The runner's statistics listen to every request, as they do in a load test.
    environment.create_local_runner()
    for _ in range(count):
        get = Caller(environment).client.get

        def ask(path: str, get: Any = get) -> tuple[int, bytes]:
            response = get(path)
            return response.status_code, response.content

        yield ask


def _take_turn(asks: list[Any], files: Files, seconds: float) -> Turn:
    paths = list(files.checksums)
    counts = {"verified": 0, "wrong": 0}
    end = time.monotonic() + seconds

    def slot(ask: Any, place: int) -> None:
        checksums = files.checksums
        verified = wrong = 0
        while time.monotonic() < end:
            place = (place + 7) % _FILES
            path = paths[place]
            status, body = ask(path)
            if status == 200 and zlib.crc32(body) == checksums[path]:
                verified += 1
            else:
                wrong += 1
        counts["verified"] += verified
        counts["wrong"] += wrong

    wall_s, cpu_s = time.monotonic(), time.process_time()
    slots = [gevent.spawn(slot, ask, 31 * number) for number, ask in enumerate(asks)]
    gevent.joinall(slots, raise_error=True)
    return Turn(wall_s=time.monotonic() - wall_s, cpu_s=time.process_time() - cpu_s, **counts)


def _document(
    turns: dict[str, list[Turn]], options: argparse.Namespace, own_cores: bool
) -> dict[str, Any]:
    return {
        "ratio": {f"to {peer}": _ratio(turns[OURS], turns[peer]) for peer in PEERS},
        "clients": {name: _figures(taken) for name, taken in turns.items()},
        "wrong": sum(turn.wrong for taken in turns.values() for turn in taken),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "slots": options.slots,
        "own_cores": own_cores,
        "load_average": round(os.getloadavg()[0], 1),
    }


def _ratio(ours: list[Turn], theirs: list[Turn]) -> dict[str, float]:
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "answers_per_s": round(statistics.median(a.per_s / b.per_s for a, b in pairs), 2),
        "answers_per_cpu_s": round(statistics.median(b.cpu_us / a.cpu_us for a, b in pairs), 2),
    }


def _figures(turns: list[Turn]) -> dict[str, Any]:
    rates = [turn.per_s for turn in turns]
    return {
        "verified_per_s": round(statistics.median(rates)),
        "verified_per_s_range": [round(min(rates)), round(max(rates))],
        "cpu_us_per_answer": round(statistics.median(turn.cpu_us for turn in turns), 1),
        "verified": sum(turn.verified for turn in turns),
    }


if __name__ == "__main__":
    sys.exit(main())
