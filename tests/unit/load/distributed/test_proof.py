"""What a worker is told before it is ready, by one request to each target."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from dragstrip.config.config import RaceConfig
from dragstrip.ledger.writer import Ledger
from dragstrip.load.context import Work
from dragstrip.load.distributed.proof import problem_of
from dragstrip.scenario import Operation, Request, Scenario, Target
from tests.support.byte_server import ByteServer, answer
from tests.support.talking import always

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Shop(Scenario):
    operations: Sequence[Operation] = (
        Operation("order", method="POST"),
        Operation("watched", repeats=False),
        Operation("search"),
    )

    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        return Request(operation.method, f"/{operation.name}", {})


class ProofOrders(Shop):
    operations = Shop.operations[:2]


def work(scenario: Scenario, *urls: str) -> Work:
    names = ("old", "new")
    targets = {name: Target(name, "http", url) for name, url in zip(names, urls, strict=True)}
    return Work(
        race=RaceConfig(timeout=5),
        scenario=scenario,
        seed=1,
        targets=targets,
        worker=0,
        ledger=Ledger(None, 0),
    )


@pytest.fixture
def good() -> Iterator[ByteServer]:
    with ByteServer(always(answer())).serving() as server:
        yield server


def test_each_target_is_asked_once_for_what_only_reads(good: ByteServer) -> None:
    assert problem_of(work(Shop(), good.url, good.url)) is None
    assert [request.split(b" ")[:2] for request in good.requests] == [[b"GET", b"/search"]] * 2


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_refused_credentials_are_the_workers(good: ByteServer, status: str) -> None:
    with ByteServer(always(answer(status=status))).serving() as bad:
        problem = problem_of(work(Shop(), good.url, bad.url))
    assert problem == (
        f"target new refuses its credentials (HTTP {status[:3]}); set the same keys here as at the "
        "master"
    )


def test_a_target_that_is_out_of_reach_is_named(good: ByteServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        problem = problem_of(work(Shop(), good.url, url))
    assert problem == f"cannot reach target new at {url}: connection refused"


def test_what_leaves_something_behind_is_not_sent(good: ByteServer) -> None:
    assert problem_of(work(ProofOrders(), good.url, good.url)) is None
    assert good.requests == []
