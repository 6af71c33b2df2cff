"""The headers of an answer: the caller's request id, timing, and no caching anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.endpoint import SERVER_TIMING, LookupEndpoint

if TYPE_CHECKING:
    from tests.contract.people import People


@pytest.mark.parametrize(
    "request_id",
    ["1", "7b0c1f4e", "a" * 128, "x-y_z.1:2/3+4=", "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"],
)
def test_a_request_id_comes_back(endpoint: LookupEndpoint, people: People, request_id: str) -> None:
    workspace_id = people.workspace("contract-north")["id"]
    response = endpoint.lookup(people.twin_phone, workspace_id, request_id)
    assert response.headers["x-request-id"] == request_id


def test_without_a_request_id_none_is_made_up(endpoint: LookupEndpoint, people: People) -> None:
    workspace_id = people.workspace("contract-north")["id"]
    assert "x-request-id" not in endpoint.lookup(people.twin_phone, workspace_id).headers


def test_a_refusal_has_the_request_id_too(endpoint: LookupEndpoint) -> None:
    for key, status in (("wrong", 401), (endpoint.key, 400)):
        response = endpoint.get({}, {"x-api-key": key, "x-request-id": "trace-1"})
        assert response.status_code == status
        assert response.headers["x-request-id"] == "trace-1"


@pytest.mark.parametrize(
    "request_id",
    [
        pytest.param(b"a" * 129, id="too long"),
        pytest.param(b"a" * 7_000, id="far too long"),
        pytest.param(b"two words", id="blank"),
        pytest.param(b"tab\there", id="tab"),
        pytest.param("id-é".encode(), id="UTF-8"),
        pytest.param(b"id-\xe9", id="Latin-1"),
        pytest.param(b"", id="empty"),
    ],
)
def test_an_unfit_request_id_is_ignored(
    endpoint: LookupEndpoint, people: People, request_id: bytes
) -> None:
    response = endpoint.client.get(
        endpoint.url + endpoint.path,
        params={
            "phone": people.twin_phone,
            "workspace_id": people.workspace("contract-north")["id"],
        },
        headers={b"x-api-key": endpoint.key.encode(), b"x-request-id": request_id},
    )
    assert response.status_code == 200
    assert response.json()["found"] is True
    assert "x-request-id" not in response.headers


def test_time_in_the_data_layer_shows(endpoint: LookupEndpoint, people: People) -> None:
    workspace_id = people.workspace("contract-north")["id"]
    response = endpoint.lookup(people.twin_phone, workspace_id)
    timing = SERVER_TIMING.fullmatch(response.headers["server-timing"])
    assert timing
    query_ms, total_ms = map(float, timing.groups())
    assert 0 < query_ms <= total_ms <= response.elapsed.total_seconds() * 1_000


def test_nothing_invites_a_cache(endpoint: LookupEndpoint, people: People) -> None:
    workspace_id = people.workspace("contract-north")["id"]
    first = endpoint.lookup(people.twin_phone, workspace_id)
    second = endpoint.lookup(people.twin_phone, workspace_id)
    for response in (first, second):
        assert not {"age", "etag", "expires", "last-modified"} & set(response.headers)
        assert "HIT" not in response.headers.get("x-nextjs-cache", "")
