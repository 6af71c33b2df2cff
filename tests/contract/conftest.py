"""The endpoints of the running lab, and contacts that belong to these tests alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from dragstrip.config.config import Config, TargetConfig
from seeding.stores import open_stores
from tests.contract.endpoint import LookupEndpoint, Webhook
from tests.contract.people import People

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.stores import Store

LOOKUPS: tuple[str, ...] = ("convex-http", "next-supabase", "next-convex")
WEBHOOKS: tuple[str, ...] = ("convex-http", "next-supabase")
_ADDRESS = {
    "convex-http": "CONVEX_SITE_URL",
    "next-supabase": "NEXT_URL",
    "next-convex": "NEXT_URL",
}


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    # No proxy of this machine's comes between the test and loopback.
    with httpx.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def endpoints(lab_environment: dict[str, str], client: httpx.Client) -> dict[str, LookupEndpoint]:
    key = lab_environment["CRM_API_KEY"]
    return {
        kind: LookupEndpoint(kind, lab_environment[_ADDRESS[kind]], client, key) for kind in LOOKUPS
    }


@pytest.fixture(params=LOOKUPS)
def endpoint(
    request: pytest.FixtureRequest, endpoints: dict[str, LookupEndpoint]
) -> LookupEndpoint:
    """Each path to the answer in turn."""
    return endpoints[request.param]


@pytest.fixture(params=WEBHOOKS)
def webhook(
    request: pytest.FixtureRequest, lab_environment: dict[str, str], client: httpx.Client
) -> Webhook:
    """Each webhook in turn."""
    kind: str = request.param
    secret = lab_environment["KAPSO_WEBHOOK_SECRET"]
    return Webhook(kind, lab_environment[_ADDRESS[kind]], client, secret)


@pytest.fixture
def beside(webhook: Webhook, endpoints: dict[str, LookupEndpoint]) -> LookupEndpoint:
    """The lookup over the same backend as the webhook."""
    return endpoints[webhook.kind]


@pytest.fixture(scope="session")
def stores(lab_environment: dict[str, str]) -> Iterator[list[Store]]:
    targets: dict[str, TargetConfig] = {kind: TargetConfig(kind=kind) for kind in LOOKUPS}
    config = Config(targets=targets).with_environment(lab_environment)
    with open_stores(config) as stores:
        yield stores


# Of the package: other tests of the lab want its seeded contacts, and no others.
@pytest.fixture(scope="package")
def people(stores: list[Store]) -> Iterator[People]:
    """Contacts that stand on both backends for as long as these tests run."""
    people = People.make()
    for store in stores:
        store.write_workspaces(people.workspaces)
        store.write(store.encode(people.contexts))
    yield people
    for store in stores:
        store.delete_contexts(people.first_index, people.first_index + len(people.contexts))
