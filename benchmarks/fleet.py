"""Many workers of a race in one process: they speak to a real master, and make no lookups.

    python -m benchmarks.fleet PORT WORKERS    # started by benchmarks.scale

Each speaks Locust's protocol and the race's own over a socket of its own, with the instrument's own
end of the line: a snapshot every second, and a slice's report as of a worker that makes thousands
of lookups a second, with full histograms. "begun" and "over" are printed when all workers have
begun the first slice and ended the last, then how many snapshots of how many bytes were sent, with
and without a report, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import zmq
from locust import __version__
from locust.rpc.protocol import Message

from dragstrip.ledger.layout import ROW
from dragstrip.ledger.rows import ABSENT, Flag, Outcome
from dragstrip.ledger.tally import Tally
from dragstrip.load.distributed import seal
from dragstrip.load.distributed.protocol import SNAPSHOT_S, WorkerEnd
from dragstrip.load.distributed.worker import HELLO, ORDERS, PLAN, SNAPSHOT, versions
from dragstrip.run.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.load.distributed.protocol import SliceShare

_LOOKUPS = 100_000
"""Counted by each worker in each slice."""
_HEARTBEAT_S = 1.0
_PATIENCE_S = 120
_POLL_MS = 5


class FleetWorker:
    """One worker. `due_s` is when it next has something to say, on the monotonic clock."""

    def __init__(self, context: zmq.Context[Any], port: int, number: int) -> None:
        self.name = f"simulated-{number:03d}"
        self.begun = self.ended = 0
        self.plain: list[int] = []
        self.with_report: list[int] = []
        """The bytes of each snapshot."""
        self.over = False
        self.due_s = 0.0
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, self.name.encode())
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self._index = 0
        self._plan: Plan | None = None
        self._end: WorkerEnd | None = None
        self._share: SliceShare | None = None
        self._ends_s = 0.0
        self._users: dict[str, int] = {}
        self._tallies = {"0": {"0": _tally(number).encode()}}
        self._send("client_ready", __version__)

    def speak(self) -> None:
        """Say what is due: a heartbeat, and a snapshot once there is a plan."""
        now_s = time.monotonic()
        if now_s < self.due_s:
            return
        # Never two of them at once: each keeps the phase that it began with.
        self.due_s = max(self.due_s + SNAPSHOT_S, now_s)
        state = "running" if self._users else "ready"
        load = {"state": state, "current_cpu_usage": 50.0, "current_memory_usage": 10**8}
        self._send("heartbeat", load)
        if self._end is None:
            self._send(HELLO, {"versions": versions(), "problem": None})
        else:
            self._end_slice(self._end, now_s)
            self._send_snapshot(self._end)

    def listen(self) -> None:
        """Take in one message."""
        message = Message.unserialize(self.socket.recv())
        if message.type == "ack" and message.data:
            self._index = message.data["index"]
        elif message.type == PLAN and self._end is None:
            self._plan = Plan.model_validate_json(message.data["plan"])
            self._end = WorkerEnd(self._plan.run_id, self._index)
        elif message.type == "spawn":
            self._take_users(message.data["user_classes_count"])
        elif message.type == ORDERS and self._end and self._plan:
            self._obey(self._end, self._plan, message.data)
        elif message.type == "quit":
            self.over = True

    def _take_users(self, users: dict[str, int]) -> None:
        self._users = users
        self._send("spawning", None)
        counts = {"user_classes_count": users, "user_count": sum(users.values())}
        self._send("spawning_complete", counts)

    def _obey(self, end: WorkerEnd, plan: Plan, orders: Any) -> None:
        share = end.hear(orders)
        if share:
            self._share = share
            self.begun += 1
            self._ends_s = time.monotonic() + plan.race.slice
        if end.finishing:
            end.finish({"rows": _LOOKUPS * self.ended, "tallies": self._tallies})
        self.over |= end.dismissed or end.settled

    def _end_slice(self, end: WorkerEnd, now_s: float) -> None:
        if self._share is None or now_s < self._ends_s:
            return
        self._share = None
        self.ended += 1
        now_ns = time.monotonic_ns()
        end.complete(
            {
                "worker": self._index,
                "start_ns": now_ns - 10**9,
                "end_ns": now_ns,
                "cpu_s": 0.5,
                "wall_s": 1.0,
                "tallies": self._tallies,
            }
        )

    def _send_snapshot(self, end: WorkerEnd) -> None:
        snapshot = end.snapshot(_LOOKUPS * self.begun)
        sent = self.with_report if snapshot["report"] or snapshot["totals"] else self.plain
        sent.append(self._send(SNAPSHOT, {**snapshot}))

    def _send(self, kind: str, data: Any) -> int:
        packed: bytes = Message(kind, data, self.name).serialize()
        self.socket.send(packed)
        return len(packed)


def main(argv: list[str]) -> int:
    """Run the workers until the master has dismissed them all; return the exit code."""
    seal.seal_messages()
    port, count = (int(text) for text in argv)
    context: zmq.Context[Any] = zmq.Context()
    fleet = [FleetWorker(context, port, number) for number in range(count)]
    started_s = time.monotonic()
    for number, worker in enumerate(fleet):
        worker.due_s = started_s + 0.5 + number / count
    for word in _events(fleet):
        sys.stdout.write(word + "\n")
        sys.stdout.flush()
    sent = {
        kind: [size for worker in fleet for size in getattr(worker, kind)]
        for kind in ("plain", "with_report")
    }
    said = {kind: {"count": len(sizes), "bytes": sum(sizes)} for kind, sizes in sent.items()}
    sys.stdout.write(json.dumps(said) + "\n")
    for worker in fleet:
        worker.socket.close(linger=1000)
    context.term()
    return 0 if all(worker.over for worker in fleet) else 1


def _events(fleet: list[FleetWorker]) -> Iterator[str]:
    by_socket = {worker.socket: worker for worker in fleet}
    poller = zmq.Poller()
    for worker in fleet:
        poller.register(worker.socket, zmq.POLLIN)
    until_s = time.monotonic() + _PATIENCE_S
    begun = over = False
    while time.monotonic() < until_s and not all(worker.over for worker in fleet):
        for socket, _ in poller.poll(_POLL_MS):
            by_socket[socket].listen()
        for worker in fleet:
            worker.speak()
        if not begun and all(worker.begun for worker in fleet):
            begun = True
            yield "begun"
        if begun and not over and all(worker.ended >= 2 for worker in fleet):
            over = True
            yield "over"


def _tally(number: int) -> Tally:
    random = np.random.default_rng(number)
    rows = np.zeros(_LOOKUPS, ROW)
    rows["outcome"], rows["flags"], rows["status"] = Outcome.OK, Flag.COUNTED, 200
    rows["sent_ns"] = random.exponential(50_000, _LOOKUPS)
    rows["done_ns"] = rows["sent_ns"] + random.lognormal(16, 0.7, _LOOKUPS)
    rows["first_byte_us"] = (rows["done_ns"] - rows["sent_ns"]) // 1000
    rows["query_us"] = rows["total_us"] = ABSENT
    tally = Tally()
    tally.add(rows, 10**12)
    return tally


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
