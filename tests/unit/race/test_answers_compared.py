"""A race whose targets must answer alike, over more keys than are compared before it begins."""

from __future__ import annotations

import html
import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from dragstrip.ledger.rows import Outcome
from scenarios.http.checks import compared, failures
from scenarios.http.checks.agree import COMPARED
from tests.support.byte_server import ByteConnection, ByteServer, answer
from tests.support.endpoint_races import racing

if TYPE_CHECKING:
    from tests.support.races import Raced

KEYS = 2000
ORDERS = """
import json
from types import SimpleNamespace

from dragstrip.run.model import Facts
from dragstrip.scenario import Operation, Request, Scenario, targets_of
from scenarios.http.checks import compared
from scenarios.http.checks.race_checks import RaceChecks

EXPECT = SimpleNamespace(
    status=(), same=True, ignore=(), unordered=(), tolerance=None, schema_file=None,
    contains=(), matches=(), header={}, column=None, at=None,
)


class Rows:
    columns = ()

    def __len__(self):
        return 2000


class Orders(Scenario):
    operations = (Operation("order"),)
    keys = 2000

    def __init__(self, config=None):
        super().__init__(config)
        self.checks = None

    def made(self):
        if self.checks is None:
            self.checks = RaceChecks(
                self.operations, {"order": EXPECT}, Rows(), list(targets_of(self.config).values()),
                self.request, keep_failures=True,
            )
        return self.checks

    def prepare(self, targets, progress):
        self.made().compare(self.config.race, per_s=500, seed=3, progress=progress)
        return Facts(data="orders", answers="alike", proof=self.made().proof())

    def request(self, target, operation, key):
        return Request("GET", f"/orders/{key}", {})

    def check(self, target, operation):
        return self.made().check(target, operation)

    def handoff(self):
        return json.dumps(self.made().pack()).encode()

    def receive(self, handoff):
        self.made().take(json.loads(handoff))

    def finish(self, folder, process):
        self.made().finish(folder, process)

    def remarks(self, run):
        return [compared.in_words(compared.read(run.path))]
"""
FLAGS = ("--quick", "--pairs", "6", "--slice", "2", "--rate", "200", "--seed", "7")


def is_dropped(key: int) -> bool:
    return key % 100 == 7


def orders(*, drops: bool) -> ByteServer:
    """Return a server whose answers hold a time, and after the comparison at times an item less."""
    asked = 0

    def script(peer: ByteConnection, _: int) -> None:
        nonlocal asked
        while True:
            key = int(peer.request().split(b" ")[1].rpartition(b"/")[2])
            asked += 1
            lies = drops and is_dropped(key) and asked > 2 * COMPARED
            items = [{"sku": "a"}, {"sku": "b"}][: 1 if lies else 2]
            body = {"id": key, "at": time.time_ns(), "items": items}
            peer.send(answer(json.dumps(body).encode()))

    return ByteServer(script)


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Raced]:
    """Return races by how many processes they ran in; their challengers drop items of some keys."""
    place = tmp_path_factory.mktemp("orders")
    (place / "orders.py").write_text(ORDERS)
    with ExitStack() as stack:
        races = {}
        for processes in (1, 2):
            servers = [stack.enter_context(orders(drops=one).serving()) for one in (False, True)]
            scenario = ("--scenario", f"{place}/orders.py:Orders")
            flags = (*scenario, "--processes", str(processes), *FLAGS)
            urls = [server.url for server in servers]
            races[processes] = stack.enter_context(racing(place / str(processes), *urls, *flags))
        # Right and wrong, and whether the machine kept up, decide the code; a mistake of the
        # user's or a crash would be another one.
        for race in races.values():
            assert race.code in {0, 1, 3, 4}, race.said
    return races


@pytest.fixture(params=[1, 2])
def raced(request: pytest.FixtureRequest, races: dict[int, Raced]) -> Raced:
    """Return the race in so many processes."""
    return races[request.param]


def test_only_answers_to_the_keys_that_lack_an_item_fail(raced: Raced) -> None:
    rows = raced.rows()
    wrong = rows["outcome"] == Outcome.WRONG_ANSWER
    assert set(rows[~wrong]["outcome"].tolist()) == {Outcome.OK}
    assert all(map(is_dropped, rows[wrong]["key"].tolist()))
    failed = set(rows[wrong]["key"].tolist())
    by_target = [set(rows[rows["target"] == target]["key"].tolist()) for target in (0, 1)]
    assert failed <= by_target[0] & by_target[1]
    assert len(failed) >= 5


def test_nearly_every_answer_is_compared_and_the_report_says_how_many(raced: Raced) -> None:
    run, counts = raced.run, compared.read(raced.folder.path)["order"]
    rows = len(raced.rows())
    assert counts.answers == rows
    assert 0.95 * rows <= counts.compared <= rows
    words = (
        f"{counts.compared:,} of {counts.answers:,} answers were compared with the other target's."
    )
    assert run.remarks == [words]
    report = raced.folder.path / "report.html"
    assert words in html.unescape(report.read_text())


def test_the_time_is_noise_and_the_report_says_so(raced: Raced) -> None:
    proof = raced.run.scenario.facts.proof
    assert f"asked twice for {COMPARED} of {KEYS:,} keys and answered alike" in proof
    assert (
        f"Ignored as noise: $.at, which differed between two answers of challenger for {COMPARED}"
        in proof
    )


def test_examples_of_the_failures_are_kept(raced: Raced) -> None:
    kept = failures.read(raced.folder.path)
    assert {one["reason"] for one in kept} == {"wrong_answer"}
    for one in kept:
        assert 1 <= len(one["examples"]) <= failures.EXAMPLES
        for example in one["examples"]:
            assert is_dropped(example["key"])
            assert example["request"] == f"GET /orders/{example['key']}"
            assert json.loads(example["body"])["id"] == example["key"]
            assert "expect.same" in example["why"]
