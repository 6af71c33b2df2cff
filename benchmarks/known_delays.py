"""A server that answers lookups rightly after delays that are known, and logs its own times.

It runs in a process of its own, on a core of its own where there is one. How long each answer is
held back is drawn from a seeded stream for each path; what the log says is when the request was
read and when its answer was about to be written, both on the monotonic clock, which all processes
of a machine share. One event loop without a framework: some 20,000 answers a second.

    python -m benchmarks.known_delays SPEC    # started by `serving`; ends when its input does
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import orjson

from benchmarks.lookups import DATASET
from benchmarks.scheduling import raise_priority
from seeding.dataset.dataset import not_found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_ROOT = Path(__file__).parent.parent
_BLOCK = 16_384
_RECEIVE = 65_536
_END = b"\r\n\r\n"
_STARTING_S = 60


@dataclass(frozen=True, slots=True)
class Delays:
    """How long answers on a path are held back: a mixture of lognormals.

    `parts` holds (share, median in ms, sigma of the logarithm). After `stall_after` lookups nothing
    is answered for `stall_s`, then everything at once; and again after each further `stall_every`.
    """

    path: str
    parts: tuple[tuple[float, float, float], ...] = ((1.0, 0.0, 0.0),)
    stall_after: int | None = None
    stall_every: int | None = None
    stall_s: float = 0.0

    def draw_ns(self, random: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Return `count` delays in nanoseconds."""
        shares, medians, sigmas = np.array(self.parts).T
        part = random.choice(len(shares), count, p=shares / shares.sum())
        delays_ms = medians[part] * np.exp(sigmas[part] * random.standard_normal(count))
        return np.asarray(delays_ms * 1e6, np.int64)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to serve. `core` is where; `log` is where the times go when the server ends."""

    seed: int
    streams: tuple[Delays, ...]
    core: int
    log: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """What the server saw, in the order of arrival; `stream` is the path's place in the spec.

    `arrival_ns` is when the whole request had been read, `departure_ns` when the answer was about
    to be written: what the server adds to its delay by being busy is in between.
    """

    stream: NDArray[np.int64]
    phone: NDArray[np.int64]
    arrival_ns: NDArray[np.int64]
    departure_ns: NDArray[np.int64]


@dataclass
class Running:
    """A server that runs; `log` is there once the block of `serving` is over."""

    url: str
    pid: int
    log: Log | None = None

    @property
    def times(self) -> Log:
        """The log of a server that has ended."""
        if self.log is None:
            raise RuntimeError("the server still runs")
        return self.log


class _Stream:
    """The delays of one path, drawn a block at a time, and its stall."""

    def __init__(self, number: int, delays: Delays, seed: int) -> None:
        self._delays = delays
        self._random = np.random.default_rng([seed, number])
        self._drawn: list[int] = []
        self._seen = 0
        self._stall_at = delays.stall_after
        self.number = number
        self.stalled_until_ns = 0

    def next_ns(self, now_ns: int) -> int:
        """Take note of a lookup that arrived, and return its delay."""
        self._seen += 1
        if self._seen == self._stall_at:
            self._stall_at += self._delays.stall_every or 0
            self.stalled_until_ns = now_ns + round(self._delays.stall_s * 1e9)
        if not self._drawn:
            self._drawn = self._delays.draw_ns(self._random, _BLOCK).tolist()[::-1]
        return self._drawn.pop()


class _Server:
    """One loop over all connections; a heap knows which answer is due next."""

    def __init__(self, spec: Spec) -> None:
        self._streams = {
            delays.path: _Stream(number, delays, spec.seed)
            for number, delays in enumerate(spec.streams)
        }
        self._answers = {
            int(DATASET.phone(key)): _response(orjson.dumps(DATASET.answer(key)))
            for key in range(DATASET.contacts)
        }
        self._nobody = _response(orjson.dumps(not_found()))
        self._known: dict[bytes, tuple[_Stream, int, bytes]] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listener.setblocking(False)
        self._open: dict[int, socket.socket] = {}
        self._unread: dict[int, bytes] = {}
        self._due: list[tuple[int, int, _Stream, socket.socket, bytes]] = []
        self._log: tuple[list[int], list[int], list[int], list[int]] = ([], [], [], [])
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> Log:
        """Serve until the standard input ends."""
        epoll = select.epoll()
        epoll.register(self._listener.fileno(), select.EPOLLIN)
        epoll.register(sys.stdin.fileno(), select.EPOLLIN)
        while True:
            # epoll's own timeout has whole milliseconds; select's on the epoll has microseconds.
            select.select([epoll.fileno()], [], [], self._pause_s())
            for descriptor, _ in epoll.poll(0):
                if descriptor == self._listener.fileno():
                    self._accept(epoll)
                elif descriptor == sys.stdin.fileno():
                    return Log(*(np.array(column, np.int64) for column in self._log))
                else:
                    self._read(descriptor)
            self._release()

    def _pause_s(self) -> float | None:
        return max(self._due[0][0] - time.monotonic_ns(), 0) / 1e9 if self._due else None

    def _accept(self, epoll: select.epoll) -> None:
        with suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open[connection.fileno()] = connection
                epoll.register(connection.fileno(), select.EPOLLIN)

    def _read(self, descriptor: int) -> None:
        connection = self._open[descriptor]
        try:
            data = connection.recv(_RECEIVE)
        except OSError:
            data = b""
        if not data:
            del self._open[descriptor]
            self._unread.pop(descriptor, None)
            connection.close()
            return
        if descriptor in self._unread:
            data = self._unread.pop(descriptor) + data
        if not data.endswith(_END):
            self._unread[descriptor] = data
            return
        self._take(data.split(b" ", 2)[1], connection)

    def _take(self, path: bytes, connection: socket.socket) -> None:
        stream, phone, answer = self._known.get(path) or self._look_up(path)
        now_ns = time.monotonic_ns()
        streams, phones, arrivals, departures = self._log
        scheduled_ns = now_ns + stream.next_ns(now_ns)
        heappush(self._due, (scheduled_ns, len(arrivals), stream, connection, answer))
        streams.append(stream.number)
        phones.append(phone)
        arrivals.append(now_ns)
        departures.append(0)

    def _look_up(self, path: bytes) -> tuple[_Stream, int, bytes]:
        parts = urlsplit(path.decode())
        phone = int(parse_qs(parts.query)["phone"][0])
        found = self._streams[parts.path], phone, self._answers.get(phone, self._nobody)
        if phone in self._answers:
            self._known[path] = found
        return found

    def _release(self) -> None:
        due, departures = self._due, self._log[3]
        while due and due[0][0] <= (now_ns := time.monotonic_ns()):
            _, number, stream, connection, answer = heappop(due)
            if now_ns < stream.stalled_until_ns:
                heappush(due, (stream.stalled_until_ns, number, stream, connection, answer))
                continue
            departures[number] = now_ns
            with suppress(OSError):
                connection.send(answer)


def _response(body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main(argv: list[str]) -> int:
    """Serve the spec in the first argument; say the port on the standard output."""
    form = json.loads(argv[0])
    streams = tuple(Delays(**one) for one in form.pop("streams"))
    spec = Spec(streams=streams, **form)
    server = _Server(spec)
    # A collection would hold up every answer that is due.
    gc.freeze()
    gc.disable()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    os.sched_setaffinity(0, {spec.core})
    raise_priority()
    log = server.run()
    np.savez(spec.log, **asdict(log))
    return 0


@contextmanager
def serving(spec: Spec) -> Iterator[Running]:
    """Run the server until the end of the block; then its log is there."""
    with tempfile.TemporaryDirectory(prefix="dragstrip-delays-") as folder:
        log = Path(folder) / "log.npz"
        text = json.dumps(asdict(spec) | {"log": str(log)})
        command = [sys.executable, "-m", "benchmarks.known_delays", text]
        with subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as server:
            port = _first_line(server)
            running = Running(f"http://127.0.0.1:{port}", server.pid)
            try:
                yield running
            finally:
                # The end of its input ends it.
                server.communicate()
        running.log = _read_log(log)


def _first_line(server: subprocess.Popen[bytes]) -> int:
    assert server.stdout is not None  # noqa: S101
    ready, _, _ = select.select([server.stdout], [], [], _STARTING_S)
    line = server.stdout.readline() if ready else b""
    if not line:
        server.kill()
        raise RuntimeError("the server with known delays did not start")
    return int(line)


def _read_log(path: Path) -> Log:
    with np.load(path) as stored:
        columns: dict[str, Any] = dict(stored)
    return Log(**columns)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
