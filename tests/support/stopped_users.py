"""Runs users of Locust against a slow server, stops them in the middle, and prints the counts.

A program of its own: importing Locust patches the process, and so must come first.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import gevent
import numpy as np
from locust.env import Environment

from dragstrip.config.config import RaceConfig
from dragstrip.ledger import reader
from dragstrip.ledger.rows import Outcome
from dragstrip.ledger.writer import Ledger
from dragstrip.load.locust_user import ConnectionUser, Work
from dragstrip.scenario import (
    Check,
    JsonCheck,
    Operation,
    Request,
    Scenario,
    Target,
    expected_json,
)
from tests.support.byte_server import ByteConnection, ByteServer

USERS = 4
KEYS = 3


class StoppedUser(ConnectionUser):
    target_name = "a"


class StoppedPage(Scenario):
    keys = KEYS
    built = 0

    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        StoppedPage.built += 1
        return Request("GET", "/", {})

    def check(self, target: Target, operation: Operation) -> Check:  # noqa: ARG002
        return JsonCheck(expected_json(lambda _: {"right": True}))


def slowly(peer: ByteConnection, _: int) -> None:
    body = b'{"right": true}'
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    while True:
        peer.request()
        time.sleep(0.05)
        peer.send(head.encode() + b"\r\n\r\n" + body)


def main() -> None:
    environment = Environment(user_classes=[StoppedUser], stop_timeout=30)
    runner = environment.create_local_runner()
    with tempfile.TemporaryDirectory() as name, ByteServer(slowly).serving() as server:
        StoppedUser.work = Work(
            race=RaceConfig(rate=0, connections=USERS, miss=0),
            scenario=StoppedPage(),
            seed=1,
            targets={"a": Target("a", "convex-http", server.url)},
            worker=0,
            ledger=Ledger(Path(name), 0),
            lab=True,
        )
        runner.start(USERS, spawn_rate=USERS)
        while StoppedUser.work.ledger.begun < 10 * USERS:
            gevent.sleep(0.01)
        runner.stop()
        counted = environment.stats.total.num_requests
        StoppedUser.work.close()
        rows = np.concatenate([segment.rows for segment in reader.segments(Path(name))])
    counts = {
        "connections": USERS,
        "running": runner.user_count,
        "begun": len(rows),
        "received": len(server.requests),
        "counted": counted,
        "verified": int((rows["outcome"] == Outcome.OK).sum()),
        "failed": environment.stats.total.num_failures,
        "built": StoppedPage.built,
        "names": sorted(name for name, _ in environment.stats.entries),
    }
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main()
