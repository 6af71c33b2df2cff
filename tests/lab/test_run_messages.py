"""A run's messages in the real backends: what they answer of them, what they made, their removal.

Three stores are asked: Convex, Supabase by its REST API, and its database.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from dragstrip.concurrency import StopSignal
from dragstrip.scenario import Target
from dragstrip.scenario.numbered import compose
from scenarios.crm import requests
from scenarios.crm.end_state import EndState
from scenarios.crm.messages import MessageMaker, body_of
from scenarios.crm.reconcile import Attempts, account
from seeding.dataset.dataset import Dataset
from seeding.leftovers import PREFIX, remove_leftovers, remove_run
from seeding.seed import seed
from seeding.stores import open_stores
from seeding.verify import check_data
from tests.support.seeded_lab import CONTACTS, seeded_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.config.config import Config
    from scenarios.crm.messages import InboundMessage
    from seeding.stores import Store

DATASET = Dataset(42, CONTACTS)
MAKER = MessageMaker(DATASET, "20250102T030405Z-lab1")
NUMBERS = 2048
KEYS = [compose(number, number * 11 % (CONTACTS + 40)) for number in range(1000, 1120)]
DUPLICATE = {"received": True, "duplicate": True}


@pytest.fixture(scope="module")
def config(lab_environment: dict[str, str]) -> Iterator[Config]:
    """The lab with a run's messages in both backends, some of them delivered twice."""
    config = seeded_config(lab_environment)
    try:
        _deliver_all(lab_environment)
        yield config
    finally:
        seed(config)


@pytest.fixture(scope="module", params=["with the database's address", "by REST"])
def stores(config: Config, request: pytest.FixtureRequest) -> Iterator[list[Store]]:
    if request.param == "by REST":
        environment = config.environment.model_copy(update={"supabase_db_url": None})
        config = config.model_copy(update={"environment": environment})
    with open_stores(config) as stores:
        yield stores


def _deliver_all(variables: dict[str, str]) -> None:
    targets = [
        Target("convex", "convex-http", variables["CONVEX_SITE_URL"]),
        Target("supabase", "next-supabase", variables["NEXT_URL"]),
    ]
    secret = variables["KAPSO_WEBHOOK_SECRET"]
    with httpx.Client(trust_env=False, timeout=30) as client:

        def deliver(target: Target, message: InboundMessage) -> httpx.Response:
            request = requests.message(
                target, body_of(message), secret=secret, idempotency_key=message.id
            )
            return client.post(
                target.url + request.path, content=request.body, headers=request.headers
            )

        for target in targets:
            with ThreadPoolExecutor(4) as pool:
                answers = pool.map(lambda key: deliver(target, MAKER(key)), KEYS)  # noqa: B023
                assert {answer.status_code for answer in answers} == {200}
            assert deliver(target, MAKER(KEYS[0])).json() == DUPLICATE


def _attempts(keys: list[int]) -> Attempts:
    return Attempts(np.array(keys, np.int64), np.ones(len(keys), np.bool_), 0, 0)


def test_every_backend_holds_each_message_once_and_what_they_make(stores: list[Store]) -> None:
    for store in stores:
        found = account(store, MAKER, _attempts(KEYS), NUMBERS, StopSignal())
        assert len(found.stored) == len(found.acknowledged) == len(KEYS)
        assert [found.lost, found.duplicated, found.unexpected, found.recovered] == [[]] * 4
        assert EndState(MAKER).difference(store, found, StopSignal()) is None


def test_what_is_there_and_was_not_sent_is_found_and_what_is_not(stores: list[Store]) -> None:
    absent = compose(7, 3)
    for store in stores:
        found = account(store, MAKER, _attempts([absent, *KEYS[5:]]), NUMBERS, StopSignal())
        assert found.lost == [7]
        assert found.unexpected == [MAKER(key).id for key in KEYS[:5]]
        names = found.examples(MAKER)
        assert names["lost"][0].startswith("message 7 to contact 3 (")


def test_a_state_that_messages_do_not_make_is_named(stores: list[Store]) -> None:
    for store in stores:
        found = account(store, MAKER, _attempts(KEYS), NUMBERS, StopSignal())
        fewer = replace(found, stored=found.stored - {1001})
        said = EndState(MAKER).difference(store, fewer, StopSignal())
        assert said is not None
        assert said.startswith(f"{store.name}: contact {1001 * 11 % (CONTACTS + 40)} ")


def test_a_run_is_removed_and_the_digests_are_those_from_before(config: Config) -> None:
    touched = {key & 0xFFFF for key in KEYS}
    with open_stores(config) as stores:
        for store in stores:
            seeded = [index for index in touched if index < CONTACTS]
            remove_run(store, MAKER.prefix, DATASET, seeded)
            assert store.message_digests(PREFIX, 0, NUMBERS) == []
    assert check_data(config, full=True).words == "every range"


def test_what_an_interrupted_race_left_is_removed_by_seeding(
    config: Config, lab_environment: dict[str, str]
) -> None:
    _deliver_all(lab_environment)
    with open_stores(config) as stores:
        strangers = [DATASET.phone(key & 0xFFFF) for key in KEYS if key & 0xFFFF >= CONTACTS]
        known = stores[0].state_digests(DATASET.workspace_id(CONTACTS), strangers)
        assert known
        assert remove_leftovers(config) == 2 * len(KEYS)
        seed(config)
        for store in stores:
            assert store.state_digests(DATASET.workspace_id(CONTACTS), strangers) == {}
    assert check_data(config, full=True).words == "every range"
