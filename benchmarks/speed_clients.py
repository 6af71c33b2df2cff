"""The Python clients that the speed benchmark compares, each in a process of its own.

    python -m benchmarks.speed_clients NAME < SPEC    # started by benchmarks.speed

Every answer is verified by its status and its body's CRC-32. Locust's users are run by Locust,
which keeps its statistics; a wrong answer would be a failure in them.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import gevent
from locust import FastHttpUser, HttpUser, task
from locust.env import Environment

from dragstrip.load.http.connection import Connection
from dragstrip.scenario import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = "our connection alone"
LOCUST: dict[str, type[HttpUser | FastHttpUser]] = {
    "Locust HttpUser": HttpUser,
    "Locust FastHttpUser": FastHttpUser,
}


@dataclass
class ClientSpec:
    """What to do: `lookups` holds paths with the CRC-32 of their answers."""

    url: str
    users: int
    settle_s: float
    seconds: float
    lookups: list[tuple[str, int]]
    headers: dict[str, str]


@dataclass
class ClientCounts:
    """What has been answered so far."""

    right: int = 0
    wrong: int = 0
    paths: Iterator[tuple[str, int]] = field(default_factory=lambda: iter(()))

    def check(self, status: int, body: bytes, checksum: int) -> bool:
        """Verify an answer."""
        is_right = status == 200 and zlib.crc32(body) == checksum
        if is_right:
            self.right += 1
        else:
            self.wrong += 1
        return is_right


def main(argv: list[str]) -> int:
    """Load the server as the specification on the standard input says; print the figures."""
    name = argv[0]
    spec = ClientSpec(**json.load(sys.stdin))
    counts = ClientCounts(paths=cycle(spec.lookups))
    if name == CONNECTION:
        _start_connections(spec, counts)
    else:
        _start_locust(LOCUST[name], spec, counts)
    gevent.sleep(spec.settle_s)
    right, cpu_s, start_s = counts.right, time.process_time(), time.monotonic()
    gevent.sleep(spec.seconds)
    figures = {
        "verified": counts.right - right,
        "wall_s": time.monotonic() - start_s,
        "cpu_s": time.process_time() - cpu_s,
        "wrong": counts.wrong,
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


def _start_connections(spec: ClientSpec, counts: ClientCounts) -> None:
    first = Connection(spec.url, 10)
    prepared = [
        (first.prepare(Request("GET", path, spec.headers)), checksum)
        for path, checksum in spec.lookups
    ]

    def user(place: int) -> None:
        connection = Connection(spec.url, 10)
        for request, checksum in islice(cycle(prepared), place, None):
            reply = connection.send(request)
            counts.check(reply.status, reply.body, checksum)

    for number in range(spec.users):
        gevent.spawn(user, number * len(prepared) // spec.users)


def _start_locust(kind: type[Any], spec: ClientSpec, counts: ClientCounts) -> None:
    class Caller(kind):  # type: ignore[misc]
        host = spec.url

        @task
        def lookup(self) -> None:
            path, checksum = next(counts.paths)
            # How Locust's manual has it: what is found wrong must show among the failures.
            with self.client.get(
                path, headers=spec.headers, name="lookup", catch_response=True
            ) as response:
                if not counts.check(response.status_code, response.content or b"", checksum):
                    response.failure("wrong answer")

    environment = Environment(user_classes=[Caller])
    environment.create_local_runner().start(spec.users, spawn_rate=spec.users)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
