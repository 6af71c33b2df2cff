"""A person's own scenario: one file in an empty folder, raced between any two HTTP servers."""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dragstrip.ledger.rows import Outcome
from tests.support.byte_server import ByteConnection, ByteServer, answer
from tests.support.endpoint_races import racing
from tests.support.races import judged_anyhow

if TYPE_CHECKING:
    from tests.support.races import Raced

CHECKOUT = """
import json

from dragstrip.scenario import Operation, Outcome, Request, Scenario


class Checkout(Scenario):
    operations = (
        Operation("search", weight=9),
        Operation("order", weight=1, method="POST"),
    )
    keys = 50

    def request(self, target, operation, key):
        if operation.name == "search":
            return Request("GET", f"/search?item={key}", {})
        body = json.dumps({"item": key, "count": 1 + key % 3}).encode()
        return Request("POST", "/orders", {"content-type": "application/json"}, body)

    def check(self, target, operation):
        def is_right(key, reply):
            if reply.status != 200:
                return Outcome.HTTP_STATUS
            found = json.loads(reply.body)
            right = {"item": key, "did": operation.name}
            return Outcome.OK if found == right else Outcome.WRONG_ANSWER

        return is_right
"""
KEYS, WRONG_KEY = 50, 7
FLAGS = ("--quick", "--pairs", "6", "--slice", "2", "--rate", "200", "--seed", "7")
SLOWER_S = 0.02


def shop(*, pause_s: float = 0.0, wrong_key: int | None = None) -> ByteServer:
    """Return a server that searches and takes orders; all that it says of `wrong_key` is wrong."""

    def script(peer: ByteConnection, _: int) -> None:
        while True:
            item, did = read(peer.request())
            time.sleep(pause_s)
            shown = item + 1 if item == wrong_key else item
            peer.send(answer(json.dumps({"item": shown, "did": did}).encode()))

    return ByteServer(script)


def read(request: bytes) -> tuple[int, str]:
    """Return which item a request is about, and what it is for. AssertionError for any other."""
    head, _, body = request.partition(b"\r\n\r\n")
    method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
    if method == "GET":
        assert path.startswith("/search?item=")
        assert body == b""
        return int(path.partition("=")[2]), "search"
    assert (method, path) == ("POST", "/orders")
    assert b"content-type: application/json" in head.lower()
    order = json.loads(body)
    assert order == {"item": order["item"], "count": 1 + order["item"] % 3}
    return order["item"], "order"


@dataclass
class Received:
    """A race that is over, and what both servers received."""

    race: Raced
    received: list[list[tuple[int, str]]]


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Received]:
    """Return each race by what its challenger says; both were run side by side."""
    place = tmp_path_factory.mktemp("shops")
    begun = {}
    with ExitStack() as stack:
        for what, wrong_key in (("right", None), ("wrong", WRONG_KEY)):
            shops = (shop(pause_s=SLOWER_S), shop(wrong_key=wrong_key))
            servers = [stack.enter_context(one.serving()) for one in shops]
            # The folder holds the scenario and nothing else.
            folder = place / what
            folder.mkdir()
            (folder / "checkout.py").write_text(CHECKOUT)
            urls = [server.url for server in servers]
            racer = racing(folder, *urls, "--scenario", "checkout.py:Checkout", *FLAGS)
            begun[what] = stack.enter_context(racer), servers
        for race, _ in begun.values():
            race.wait()
    return {
        what: Received(race, [[read(one) for one in server.requests] for server in servers])
        for what, (race, servers) in begun.items()
    }


def test_one_file_is_enough_for_a_verdict(raced: dict[str, Received]) -> None:
    one = raced["right"].race
    one.require_sound()
    # A busy machine has its hiccups, which the median does not show.
    run, verdict = judged_anyhow(one.folder, metric="p50")
    assert verdict.verdict in {"adopt", "better"}
    assert run.scenario.name.endswith("/checkout.py:Checkout")
    assert run.scenario.keys == KEYS
    assert run.scenario.facts.answers == "checked"
    assert set(run.targets) == {"baseline", "challenger"}
    assert {total.kind for total in run.targets.values()} == {"http"}


def test_every_answer_is_checked(raced: dict[str, Received]) -> None:
    one = raced["right"]
    for number, total in enumerate(one.race.run.targets.values()):
        assert total.verified == total.requests > 0
        rows = one.race.rows(number)
        assert set(rows["outcome"].tolist()) == {Outcome.OK}
        assert len(rows) == len(one.received[number])


def test_both_servers_are_asked_for_the_same(raced: dict[str, Received]) -> None:
    one = raced["right"]
    for number, received in enumerate(one.received):
        asked = Counter(item for item, _ in received)
        assert asked == Counter(one.race.rows(number)["key"].tolist())
        assert set(asked) == set(range(KEYS))


def test_orders_arrive_with_their_bodies_as_often_as_their_weight_says(
    raced: dict[str, Received],
) -> None:
    # `read` has compared each body with what the scenario builds.
    for received in raced["right"].received:
        orders = [item for item, did in received if did == "order"]
        # Of 2,400 requests or more, a tenth is within 5 deviations of the share.
        assert 0.06 < len(orders) / len(received) < 0.14
        assert len(set(orders)) > KEYS / 2


def test_a_challenger_that_answers_wrongly_does_not_win(raced: dict[str, Received]) -> None:
    one = raced["wrong"].race
    one.require_sound()
    assert judged_anyhow(one.folder)[1].verdict == "worse"
    rows = one.rows(1)
    wrong = rows["key"] == WRONG_KEY
    assert wrong.any()
    assert set(rows[wrong]["outcome"].tolist()) == {Outcome.WRONG_ANSWER}
    assert set(rows[~wrong]["outcome"].tolist()) == {Outcome.OK}
    assert sum(one.run.targets["challenger"].failed.values()) > 0
    assert one.run.targets["baseline"].failed == {}
