"""What becomes of a lookup, from the dispatcher to its row: over real connections."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent
import numpy as np
import pytest

from dragstrip.config.config import DatasetConfig, RaceConfig, ScenarioConfig
from dragstrip.ledger import reader
from dragstrip.ledger.rows import ABSENT, Flag, Outcome
from dragstrip.ledger.tallies import Tallies, each
from dragstrip.ledger.tally import Tally
from dragstrip.ledger.writer import Ledger
from dragstrip.load import arrivals
from dragstrip.load.closed_pacing import ClosedPacing
from dragstrip.load.context import Work
from dragstrip.load.dispatcher import Dispatcher
from dragstrip.load.http.connection import Connection
from dragstrip.load.run_slice import run_slice
from dragstrip.load.schedule import Open, Span
from dragstrip.load.sender import Sender
from dragstrip.run.plan import Plan, PlannedTarget, alternate
from dragstrip.scenario import Check, Operation, Request, Scenario, Target
from dragstrip.scenario.check import JsonCheck, expected_json
from dragstrip.scenario.planned import planned as planned_of
from tests.support import planned
from tests.support.byte_server import ByteConnection, ByteServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dragstrip.ledger.rows import Rows
    from dragstrip.load.http.request import Prepared
    from dragstrip.load.sender import Pacing

TARGET = 1
NUMBER = 70_001
LONG_S = 30
EXPECTED = expected_json(lambda key: {"key": key})


def answer(key: int, *, status: int = 200, body: bytes | None = None, extra: str = "") -> bytes:
    payload = json.dumps({"key": key}).encode() if body is None else body
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{extra}"
    return f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload


def key_of(request: bytes) -> int:
    found = re.match(rb"GET /(\d+) ", request)
    assert found
    return int(found[1])


def serving(respond: Callable[[int], bytes]) -> ByteServer:
    def script(peer: ByteConnection, _: int) -> None:
        while True:
            peer.send(respond(key_of(peer.request())))

    return ByteServer(script)


def wait_until(holds: Callable[[], Any]) -> None:
    with gevent.Timeout(LONG_S):
        while not holds():
            gevent.sleep(0.001)


class Bench:
    """A user over a connection of its own, with a ledger on disk."""

    def __init__(
        self, folder: Path, url: str, request: Callable[[int], Request | Prepared] | None = None
    ):
        self.folder = folder
        self.ledger = Ledger(folder, 0)
        self.dispatcher = Dispatcher()
        self.connection = Connection(url, LONG_S)
        self._request: Callable[[int], Request | Prepared] = request or (
            lambda key: Request("GET", f"/{key}", {})
        )

    def sender(self, pace: Pacing | None = None) -> Sender:
        return Sender(
            pace or self.dispatcher,
            self.ledger,
            self.connection,
            [self._request, lambda key: Request("POST", f"/{key}", {}, b"{}")],
            [
                JsonCheck(EXPECTED, table_bits=4),
                JsonCheck(expected_json(lambda key: {"stored": key})),
            ],
            target=TARGET,
            number=NUMBER,
        )

    def lookups(self, *keys: int, operations: Sequence[int] = ()) -> None:
        now_ns = monotonic_ns()
        due = arrivals.Arrivals(
            np.zeros(len(keys), np.int64),
            np.array(keys, np.int64),
            np.array(operations or [0] * len(keys), np.uint8),
        )
        self.dispatcher.load(Open([due], Span(3, now_ns, now_ns, now_ns + 1)))

    def wait_until_at_rest(self) -> None:
        wait_until(lambda: self.dispatcher.at_rest)

    def rows(self) -> Rows:
        return np.concatenate([segment.rows for segment in reader.segments(self.folder)])


def test_each_lookup_has_its_row_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    timing = "server-timing: query;dur=0.25, total;dur=1.5\r\n"
    answers = {
        0: answer(0, extra=timing),
        1: answer(7),
        2: answer(2, status=500, body=b"no"),
        3: answer(3, body=b"<html>"),
        4: b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n",
        5: answer(5, extra="connection: close\r\n"),
        6: b"HTTP 200 is fine",
        8: answer(8),
        9: answer(9),
    }
    with serving(lambda key: answers[key]).serving() as server:
        bench = Bench(tmp_path, server.url)
        greenlet = gevent.spawn(bench.sender().run)
        gevent.sleep(0)
        bench.lookups(*answers)
        bench.wait_until_at_rest()
        greenlet.kill()
        bench.connection.close()
    rows = bench.rows()

    assert rows["key"].tolist() == list(answers)
    assert [Outcome(one) for one in rows["outcome"].tolist()] == [
        Outcome.OK,
        Outcome.WRONG_ANSWER,
        Outcome.HTTP_STATUS,
        Outcome.NOT_JSON,
        Outcome.CONTENT_TYPE,
        Outcome.OK,
        Outcome.MALFORMED,
        Outcome.OK,
        Outcome.OK,
    ]
    assert rows["status"].tolist() == [200, 200, 500, 200, 200, 200, 0, 200, 200]
    assert rows["bytes"].tolist()[:5] == [10, 10, 2, 6, 0]
    assert rows["opened"].tolist() == [1, 0, 0, 0, 0, 0, 1, 1, 0]
    # What is opened after a failure is no reconnect.
    assert rows["reconnected"].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert set(rows["slice"].tolist()) == {3}
    assert set(rows["target"].tolist()) == {TARGET}
    assert set(rows["connection"].tolist()) == {NUMBER & 0xFFFF}
    assert rows[["query_us", "total_us"]][0].tolist() == (250, 1500)
    assert rows[["query_us", "total_us"]][1].tolist() == (ABSENT, ABSENT)
    assert (rows["scheduled_ns"] <= rows["sent_ns"]).all()
    assert (rows["sent_ns"] < rows["done_ns"]).all()
    right = rows[rows["outcome"] == Outcome.OK]
    assert (right["first_byte_us"] >= 0).all()
    assert (right["first_byte_us"] <= (right["done_ns"] - right["sent_ns"]) // 1000).all()


def test_each_operation_has_its_own_request_and_its_own_check(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def script(peer: ByteConnection, _: int) -> None:
        while True:
            request = peer.request()
            asked.append(request.partition(b" HTTP")[0])
            body = {b"GET /0": {"key": 0}, b"POST /1": {"stored": 1}}.get(asked[-1], {"stored": 2})
            peer.send(answer(0, body=json.dumps(body).encode()))

    with ByteServer(script).serving() as server:
        bench = Bench(tmp_path, server.url)
        greenlet = gevent.spawn(bench.sender().run)
        gevent.sleep(0)
        bench.lookups(0, 1, 2, 2, operations=[0, 1, 0, 1])
        bench.wait_until_at_rest()
        greenlet.kill()
        bench.connection.close()
    rows = bench.rows()

    assert asked == [b"GET /0", b"POST /1", b"GET /2", b"POST /2"]
    assert rows["operation"].tolist() == [0, 1, 0, 1]
    wrong = [Outcome(one) is Outcome.WRONG_ANSWER for one in rows["outcome"].tolist()]
    assert wrong == [False, False, True, False]


def test_the_row_is_on_file_before_the_request_is_out(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def look(key: int) -> bytes:
        (segment,) = reader.segments(tmp_path)
        seen.append((int(segment.rows["key"][-1]), int(segment.rows["outcome"][-1])))
        return answer(key)

    with serving(look).serving() as server:
        bench = Bench(tmp_path, server.url)
        greenlet = gevent.spawn(bench.sender().run)
        gevent.sleep(0)
        bench.lookups(5, 6)
        bench.wait_until_at_rest()
        greenlet.kill()
        bench.connection.close()
    assert seen == [(5, Outcome.IN_FLIGHT), (6, Outcome.IN_FLIGHT)]


def test_a_request_that_cannot_be_built_is_a_row_that_was_not_sent(tmp_path: Path) -> None:
    def request(key: int) -> Request:
        if key == 1:
            raise ZeroDivisionError
        return Request("GET", "no path", {})

    bench = Bench(tmp_path, "http://127.0.0.1:9", request)
    bench.lookups(0, 1)
    greenlet = gevent.spawn(bench.sender().run)
    with gevent.Timeout(LONG_S):
        greenlet.join()

    assert isinstance(greenlet.exception, ZeroDivisionError)
    assert bench.dispatcher.at_rest
    rows = bench.rows()
    assert rows["outcome"].tolist() == [Outcome.UNSENT] * 2
    assert (rows["done_ns"] >= rows["sent_ns"]).all()
    assert (rows["sent_ns"] >= rows["scheduled_ns"]).all()


def test_a_request_that_was_not_sent_has_nothing_of_the_one_before(tmp_path: Path) -> None:
    with serving(answer).serving() as server:
        bench = Bench(
            tmp_path,
            server.url,
            lambda key: bench.connection.prepare(
                Request("GET", f"/{key}" if key else "no path", {})
            ),
        )
        greenlet = gevent.spawn(bench.sender().run)
        gevent.sleep(0)
        bench.lookups(1, 0)
        bench.wait_until_at_rest()
        greenlet.kill()
        bench.connection.close()
    sent, unsent = bench.rows()
    assert (sent["outcome"], sent["opened"]) == (Outcome.OK, 1)
    assert (unsent["outcome"], unsent["opened"], unsent["first_byte_us"]) == (
        *(Outcome.UNSENT, 0),
        ABSENT,
    )
    assert unsent["sent_ns"] > sent["done_ns"]


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """Hold every answer back until it is set."""
    event = threading.Event()
    yield event
    event.set()


def test_a_user_killed_in_the_middle_leaves_its_row_in_flight(
    tmp_path: Path, held: threading.Event
) -> None:
    def hold(key: int) -> bytes:
        held.wait(LONG_S)
        return answer(key)

    with serving(hold).serving() as server:
        bench = Bench(tmp_path, server.url)
        greenlet = gevent.spawn(bench.sender().run)
        bench.lookups(1, 2)
        wait_until(lambda: server.requests)
        greenlet.kill()
        held.set()
    assert bench.rows()["outcome"].tolist() == [Outcome.IN_FLIGHT]
    assert [key for _, key, *_ in bench.dispatcher.abandon()] == [2]
    assert bench.dispatcher.at_rest


def test_a_user_that_is_stopped_ends_with_the_lookup_under_way(
    tmp_path: Path, held: threading.Event
) -> None:
    def hold(key: int) -> bytes:
        held.wait(LONG_S)
        return answer(key)

    with serving(hold).serving() as server:
        bench = Bench(tmp_path, server.url)
        bench.lookups(1, 2)
        sender = bench.sender()
        greenlet = gevent.spawn(sender.run)
        wait_until(lambda: server.requests)
        with gevent.Timeout(LONG_S):
            assert not sender.stop(greenlet)
            held.set()
            greenlet.join()
        bench.connection.close()
    assert greenlet.successful()
    assert bench.rows()[["key", "outcome"]].tolist() == [(1, Outcome.OK)]


def test_lookups_that_fail_without_waiting_let_others_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "http://127.0.0.1:9")
    greenlet = gevent.spawn(bench.sender(ClosedPacing(iter(range(10**9)), per_s=0)).run)
    wait_until(lambda: bench.ledger.begun >= 3)
    greenlet.kill()
    rows = bench.rows()
    assert set(rows["outcome"].tolist()[:-1]) == {Outcome.REFUSED}
    assert (rows["sent_ns"][:-1] >= rows["scheduled_ns"][:-1]).all()


RACE = {
    "rate": 0,
    "connections": 4,
    "slice": 0.3,
    "warmup": 0.1,
    "timeout": 5,
    "pairs": 1,
    "miss": 0.3,
}


class KeysScenario(Scenario):
    keys = 50
    has_misses = True

    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        return Request("GET", f"/{key}", {})

    def check(self, target: Target, operation: Operation) -> Check:  # noqa: ARG002
        return JsonCheck(EXPECTED)


class KeysAndStores(KeysScenario):
    operations = (Operation("key", weight=3), Operation("store", weight=1, method="POST"))

    def request(self, target: Target, operation: Operation, key: int) -> Request:
        if operation.name == "key":
            return super().request(target, operation, key)
        return Request("POST", f"/{key}", {}, b"{}")

    def check(self, target: Target, operation: Operation) -> Check:
        if operation.name == "key":
            return super().check(target, operation)
        return JsonCheck(expected_json(lambda key: {"stored": key}))


def in_race(
    tmp_path: Path, url: str, scenario: Scenario | None = None, **settings: Any
) -> tuple[Plan, Work, list[gevent.Greenlet]]:
    scenario = scenario or KeysScenario()
    race = RaceConfig.model_validate(RACE | settings)
    a, b = (PlannedTarget(name=name, kind="convex-http", url=url) for name in "ab")
    plan = Plan(
        run_id="r",
        seed=5,
        scenario=ScenarioConfig(),
        keys=KeysScenario.keys,
        dataset=DatasetConfig(),
        race=race,
        targets=(a, b),
        operations=planned_of(scenario),
        slices=alternate(race.pairs, 5),
    )
    work = Work(
        race=race,
        scenario=scenario,
        seed=5,
        targets={one.name: Target(one.name, one.kind, one.url) for one in plan.targets},
        worker=3,
        ledger=Ledger(tmp_path, 3),
        racing=True,
    )
    users = []
    for name in list(work.targets) * race.connections:
        connection = Connection(url, race.timeout)
        sender = work.sender(name, connection)
        users.append(gevent.spawn(sender.run))
    gevent.sleep(0)
    return plan, work, users


def recount(rows: Rows, slice_: int, target: int, end_ns: int) -> Tally:
    tally = Tally()
    tally.add(rows[(rows["slice"] == slice_) & (rows["target"] == target)], end_ns)
    return tally


def test_in_the_closed_model_both_slices_of_a_pair_go_through_the_same_keys(tmp_path: Path) -> None:
    with serving(answer).serving() as server:
        plan, work, users = in_race(tmp_path, server.url)
        reports = [run_slice(plan, slice_, work, 0, 1) for slice_ in plan.slices]
        gevent.killall(users)
        work.close()
    rows = np.concatenate([segment.rows for segment in reader.segments(tmp_path)])
    sequences = []
    for slice_, report in zip(plan.slices, reports, strict=True):
        own = rows[(rows["slice"] == slice_.index) & (rows["target"] == slice_.target)]
        sequences.append(own["key"].tolist())
        settled_ns = report["start_ns"] + round(plan.race.warmup * 1e9)
        inside = (own["scheduled_ns"] >= settled_ns) & (own["scheduled_ns"] < report["end_ns"])
        assert (((own["flags"] & Flag.COUNTED) != 0) == inside).all()
        assert inside.any()
        assert (own["scheduled_ns"] >= report["start_ns"]).all()
        assert not (rows[rows["target"] != slice_.target]["flags"] & Flag.NO_CONNECTION).any()
        assert report["worker"] == 3
        for target, operation, form in each(report["tallies"]):
            assert operation == 0
            again = recount(rows, slice_.index, target, report["end_ns"])
            assert Tally.decode(form) == again
    shorter = min(map(len, sequences))
    assert shorter > plan.race.connections
    assert sequences[0][:shorter] == sequences[1][:shorter]
    assert (rows["outcome"] == Outcome.OK).all()


@pytest.mark.parametrize("rate", [0, 200])
def test_both_slices_of_a_pair_go_through_the_same_operations(tmp_path: Path, rate: float) -> None:
    def script(peer: ByteConnection, _: int) -> None:
        while True:
            asked = re.match(rb"(GET|POST) /(\d+) ", peer.request())
            assert asked
            name = "key" if asked[1] == b"GET" else "stored"
            peer.send(answer(0, body=json.dumps({name: int(asked[2])}).encode()))

    with ByteServer(script).serving() as server:
        plan, work, users = in_race(tmp_path, server.url, KeysAndStores(), rate=rate, slice=0.5)
        reports = [run_slice(plan, slice_, work, 0, 1) for slice_ in plan.slices]
        gevent.killall(users)
        work.close()
    rows = np.concatenate([segment.rows for segment in reader.segments(tmp_path)])
    sequences = []
    for slice_, report in zip(plan.slices, reports, strict=True):
        own = rows[(rows["slice"] == slice_.index) & (rows["target"] == slice_.target)]
        order = np.argsort(own["scheduled_ns"], kind="stable")
        sequences.append(own[["key", "operation"]][order].tolist())
        assert set(own["operation"].tolist()) == {0, 1}
        counted = Tallies.decode(report["tallies"])
        assert (
            sum(tally.rows for tally in counted.by_place.values())
            == (rows["slice"] == slice_.index).sum()
        )
        for (target, operation), tally in counted.by_place.items():
            of_operation = rows[rows["operation"] == operation]
            assert tally == recount(of_operation, slice_.index, target, report["end_ns"])
    assert (rows["outcome"] == Outcome.OK).all()
    shorter = min(map(len, sequences))
    assert shorter > plan.race.connections
    assert sequences[0][:shorter] == sequences[1][:shorter]
    if rate:
        assert len(sequences[0]) == len(sequences[1])


def test_arrivals_that_nobody_could_take_are_rows_that_were_not_sent(
    tmp_path: Path, held: threading.Event
) -> None:
    def hold(key: int) -> bytes:
        held.wait(LONG_S)
        return answer(key)

    settings: dict[str, Any] = {"rate": 100, "timeout": 0.3, "connections": 2}
    with serving(hold).serving() as server:
        plan, work, users = in_race(tmp_path, server.url, **settings)
        slice_ = plan.slices[0]
        report = run_slice(plan, slice_, work, 0, 1)
        begun = work.ledger.begun
        held.set()
        gevent.killall(users)
        work.close()
    rows = np.concatenate([segment.rows for segment in reader.segments(tmp_path)])
    own = rows[rows["target"] == slice_.target]
    due = planned.of_slice(plan, slice_)

    assert sorted(own["key"].tolist()) == sorted(due.keys.tolist())
    assert sorted(own["scheduled_ns"].tolist()) == (due.offsets_ns + report["start_ns"]).tolist()
    unsent = own[own["outcome"] == Outcome.UNSENT]
    assert len(unsent) == len(own) - (own["outcome"] == Outcome.TIMEOUT).sum()
    assert len(unsent) > 0
    assert (unsent["flags"] & Flag.NO_CONNECTION).all()
    assert begun == len(rows)


def test_users_of_locust_count_what_they_have_sent_when_a_test_stops() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.stopped_users"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["begun"] == found["received"] == found["counted"] == found["verified"]
    assert found["begun"] >= 2 * found["connections"]
    assert found["failed"] == 0
    assert found["running"] == 0
    # Requests are built once for each of the three keys, for all users.
    assert found["built"] == 3
    assert found["names"] == ["a (lab)"]
