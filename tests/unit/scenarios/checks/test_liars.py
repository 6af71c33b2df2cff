"""Each check over the wire: real servers, of which one lies in the way that the check catches."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent
import numpy as np
import pytest

from dragstrip.config.config import RaceConfig
from dragstrip.errors import PreflightError, StorageError
from dragstrip.ledger import reader
from dragstrip.ledger.rows import Outcome
from dragstrip.ledger.writer import Ledger
from dragstrip.load.arrivals import Arrivals
from dragstrip.load.dispatcher import Dispatcher
from dragstrip.load.http.connection import Connection
from dragstrip.load.schedule import Open, Span
from dragstrip.load.sender import Sender
from dragstrip.scenario import Operation, Request, Target
from scenarios.http.checks import agree, compared, failures
from scenarios.http.checks.race_checks import RaceChecks
from tests.support.expectations import Expect, MemoryTable
from tests.support.plain_server import PlainAnswer, PlainServer, key_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scenarios.http.checks.expectation import ExpectedAnswer

LONG_S = 30
ORDER = Operation("order")
USERS = MemoryTable([{"id": str(key), "name": f"user {key}"} for key in range(20)])


class LiarsProgress:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@dataclass
class LiarsRace:
    """Two servers and the checks of one operation, and users that send to either."""

    servers: list[PlainServer]
    checks: RaceChecks
    targets: list[Target]
    folder: Path
    said: LiarsProgress

    def compare(self) -> None:
        self.checks.compare(RaceConfig(), per_s=1000, seed=1, progress=self.said)

    def ask(self, target: int, keys: list[int]) -> list[Outcome]:
        """Send a timed request for each key over one connection; return what became of each."""
        folder = self.folder / f"ledger-{target}-{monotonic_ns()}"
        folder.mkdir()
        ledger, dispatcher = Ledger(folder, 0), Dispatcher()
        connection = Connection(self.targets[target].url, LONG_S)
        check = self.checks.check(self.targets[target], ORDER)
        sender = Sender(
            dispatcher, ledger, connection, [request_of], [check], target=target, number=1
        )
        now_ns = monotonic_ns()
        due = Arrivals(np.zeros(len(keys), np.int64), np.array(keys), np.zeros(len(keys), np.uint8))
        dispatcher.load(Open([due], Span(0, now_ns, now_ns, now_ns + 1)))
        greenlet = gevent.spawn(sender.run)
        with gevent.Timeout(LONG_S):
            while not dispatcher.at_rest:
                gevent.sleep(0.001)
        greenlet.kill()
        connection.close()
        ledger.close()
        rows = np.concatenate([segment.rows for segment in reader.segments(folder)])
        return [Outcome(one) for one in rows["outcome"].tolist()]


def request_of(key: int) -> Request:
    return Request("GET", f"/orders/{key}", {})


@pytest.fixture
def race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(agree, "_APART_S", 0)

    @contextmanager
    def of(
        expect: ExpectedAnswer,
        honest: Callable[[str], PlainAnswer],
        liar: Callable[[str], PlainAnswer],
        rows: MemoryTable = USERS,
        **options: Any,
    ) -> Iterator[LiarsRace]:
        with PlainServer(honest).serving() as first, PlainServer(liar).serving() as second:
            targets = [Target("honest", "http", first.url), Target("liar", "http", second.url)]
            checks = RaceChecks(
                [ORDER],
                {ORDER.name: expect},
                rows,
                targets,
                lambda _, __, key: request_of(key),
                **options,
            )
            yield LiarsRace([first, second], checks, targets, tmp_path, LiarsProgress())

    return of


def user(path: str, **changes: Any) -> PlainAnswer:
    key = key_in(path)
    return PlainAnswer({"id": key, "user": {"name": f"user {key}"}, **changes})


def assert_caught(race: LiarsRace, outcome: Outcome, lies: set[int], keys: int = 20) -> None:
    """Ask twice for every key: the honest target is always right, the other where it is honest."""
    asked = [*range(keys)] * 2
    assert set(race.ask(0, asked)) == {Outcome.OK}
    expected = [outcome if key in lies else Outcome.OK for key in asked]
    assert race.ask(1, asked) == expected


def test_a_wrong_status(race: Callable[..., Any]) -> None:
    def liar(path: str) -> PlainAnswer:
        answer = user(path)
        return PlainAnswer(answer.body, status=200 if key_in(path) == 3 else 201)

    def honest(path: str) -> PlainAnswer:
        return PlainAnswer(user(path).body, status=201)

    with race(Expect(status=(201,)), honest, liar) as one:
        assert_caught(one, Outcome.HTTP_STATUS, {3})


def test_a_missing_field(race: Callable[..., Any], tmp_path: Path) -> None:
    schema = tmp_path / "order.schema.json"
    schema.write_text(json.dumps({"required": ["id", "user"]}))

    def liar(path: str) -> PlainAnswer:
        return PlainAnswer({"id": key_in(path)}) if key_in(path) in {4, 5} else user(path)

    with race(Expect(schema_file=schema), user, liar) as one:
        assert_caught(one, Outcome.WRONG_ANSWER, {4, 5})


def test_a_wrong_value_in_a_column(race: Callable[..., Any]) -> None:
    def liar(path: str) -> PlainAnswer:
        return user(path, user={"name": "user 0"})

    with race(Expect(column="name", at="$.user.name"), user, liar) as one:
        assert_caught(one, Outcome.WRONG_ANSWER, set(range(1, 20)))


def test_a_text_that_is_missing(race: Callable[..., Any]) -> None:
    def page(path: str) -> PlainAnswer:
        return PlainAnswer(b"<h1>Your order</h1>", kind="text/html")

    def liar(path: str) -> PlainAnswer:
        return (
            PlainAnswer(b"<h1>Sign in</h1>", kind="text/html") if key_in(path) == 9 else page(path)
        )

    with race(Expect(contains=("Your order",), matches=("<h1>.*</h1>",)), page, liar) as one:
        assert_caught(one, Outcome.WRONG_ANSWER, {9})


def test_a_missing_header(race: Callable[..., Any]) -> None:
    def honest(path: str) -> PlainAnswer:
        return PlainAnswer(user(path).body, headers={"X-Version": "7", "ETag": f'"{key_in(path)}"'})

    def liar(path: str) -> PlainAnswer:
        headers = dict(honest(path).headers)
        if key_in(path) == 2:
            del headers["ETag"]
        if key_in(path) == 8:
            headers["X-Version"] = "8"
        return PlainAnswer(user(path).body, headers=headers)

    with race(Expect(header={"etag": "", "x-version": "7"}), honest, liar) as one:
        assert_caught(one, Outcome.WRONG_ANSWER, {2, 8})


def test_a_target_that_changes_its_answer_after_the_comparison(race: Callable[..., Any]) -> None:
    ticks, lies = itertools.count(), set[int]()

    def liar(path: str) -> PlainAnswer:
        key = key_in(path)
        return user(path, at=next(ticks), id=-1 if key in lies else key)

    def honest(path: str) -> PlainAnswer:
        return user(path, at="some other time")

    with race(Expect(same=True), honest, liar) as one:
        one.compare()
        lies |= {6, 7}
        # Its time is noise, and is not held against it.
        assert_caught(one, Outcome.WRONG_ANSWER, lies)
        assert "$.at differs between two answers of liar" in one.said.lines[-1]
        assert "Ignored as noise: $.at" in one.checks.proof()
        assert one.checks.values() == {"compared_keys": 20, "noise": "$.at"}
        assert one.checks.are_alike
        one.checks.finish(one.folder, 0)
        words = "80 of 80 answers were compared with the other target's."
        assert compared.in_words(compared.read(one.folder)) == words


def test_a_target_that_drops_an_item_for_one_of_a_hundred_keys(race: Callable[..., Any]) -> None:
    """The keys are too many to be compared before the race, and none of the sample is hit."""
    keys = 1000
    rows = MemoryTable([{"id": str(key)} for key in range(keys)])

    def honest(path: str) -> PlainAnswer:
        return user(path, items=[{"sku": "a"}, {"sku": "b"}])

    with race(Expect(same=True), honest, honest, rows) as one:
        one.compare()
        sample = {key_in(path) for path in one.servers[0].paths}
        assert len(sample) == agree.COMPARED
        assert not one.checks.are_alike
        lies = set([key for key in range(keys) if key not in sample][: keys // 100])

        def liar(path: str) -> PlainAnswer:
            return user(path, items=[{"sku": "a"}]) if key_in(path) in lies else honest(path)

        one.servers[1].respond = liar
        assert_caught(one, Outcome.WRONG_ANSWER, lies, keys)
        one.checks.finish(one.folder, 0)
        assert compared.read(one.folder)[ORDER.name].compared == 4 * keys


def test_a_target_that_lies_from_the_start_is_refused_before_the_race(
    race: Callable[..., Any],
) -> None:
    def liar(path: str) -> PlainAnswer:
        return user(path, user={"name": f"user {key_in(path)}", "plan": "free"})

    with race(Expect(same=True), user, liar) as one:
        with pytest.raises(PreflightError, match=r"\$\.user\.plan is nothing from honest") as error:
            one.compare()
        fix = """give ignore = ["$.user.plan"] in expect, or --ignore '$.user.plan'"""
        assert error.value.fix == f"if this may differ, {fix}"
    with race(Expect(same=True, ignore=("$.user.plan",)), user, liar) as one:
        one.compare()
        assert_caught(one, Outcome.WRONG_ANSWER, set())
        assert "Ignored as configured: $.user.plan." in one.checks.proof()


def test_another_process_judges_by_the_same_comparison(race: Callable[..., Any]) -> None:
    def liar(path: str) -> PlainAnswer:
        return user(path, id=-1) if key_in(path) == 6 else user(path)

    expect = Expect(same=True)
    with race(expect, user, user) as first:
        first.compare()
        packed = json.loads(json.dumps(first.checks.pack()))
    with race(expect, user, liar) as other:
        other.checks.take(packed)
        assert other.ask(1, [6, 7]) == [Outcome.WRONG_ANSWER, Outcome.OK]
        with pytest.raises(StorageError, match="not an operation"):
            other.checks.take({"else": {}})


def test_failures_are_kept_when_asked_for_with_what_was_wrong(race: Callable[..., Any]) -> None:
    def liar(path: str) -> PlainAnswer:
        key = key_in(path)
        return (
            user(path, user={}) if key < 10 else PlainAnswer(b"gone", status=503, kind="text/plain")
        )

    expect = Expect(column="name", at="$.user.name")
    for keep in (False, True):
        with race(expect, user, liar, keep_failures=keep) as one:
            outcomes = one.ask(1, [*range(20)])
            assert Counter(outcomes) == {Outcome.WRONG_ANSWER: 10, Outcome.HTTP_STATUS: 10}
            one.checks.finish(one.folder, 0)
            assert bool(failures.read(one.folder)) is keep
    kept = {one["reason"]: one["examples"] for one in failures.read(one.folder)}
    assert {reason: [e["key"] for e in found] for reason, found in kept.items()} == {
        "http_503": [10, 11, 12],
        "wrong_answer": [0, 1, 2],
    }
    why = 'expect.column: name is "user 1", and $.user.name is absent'
    assert kept["wrong_answer"][1]["why"] == why
    assert kept["wrong_answer"][1]["request"] == "GET /orders/1"
    assert kept["http_503"][0]["body"] == "gone"
