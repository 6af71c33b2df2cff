"""Whom a lookup refuses, why, and in which order it looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.contract.endpoint import (
    MISSING_PHONE,
    MISSING_WORKSPACE,
    UNAUTHORIZED,
    LookupEndpoint,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.contract.people import People


@pytest.fixture
def params(people: People) -> dict[str, str]:
    """A question that the right key gets an answer to."""
    workspace_id = people.workspace("contract-north")["id"]
    return {"phone": people.twin_phone, "workspace_id": workspace_id}


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "wrong", id="wrong"),
        pytest.param(lambda key: key[:-1], id="prefix"),
        pytest.param(lambda key: key + key[-1], id="longer"),
        pytest.param(lambda key: key + key, id="twice"),
        pytest.param(lambda key: key[1:] + key[0], id="rotated"),
        pytest.param(lambda key: key.swapcase(), id="other case"),
        pytest.param(lambda key: f"Bearer {key}", id="as a bearer token"),
        pytest.param(lambda key: f"{key}, {key}", id="as two headers joined"),
        pytest.param(lambda _: "0" * 8_000, id="very long"),
    ],
)
def test_a_wrong_key_is_refused(
    endpoint: LookupEndpoint, params: dict[str, str], forge: Callable[[str], str]
) -> None:
    forged = forge(endpoint.key)
    assert forged != endpoint.key
    response = endpoint.get(params, {"x-api-key": forged})
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


def test_no_key_is_refused(endpoint: LookupEndpoint, params: dict[str, str]) -> None:
    response = endpoint.get(params)
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


def test_a_key_beyond_ascii_is_refused(endpoint: LookupEndpoint, params: dict[str, str]) -> None:
    response = endpoint.client.get(
        endpoint.url + endpoint.path, params=params, headers={b"x-api-key": b"k\xe9y"}
    )
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("place", ["query", "authorization", "cookie"])
def test_the_key_counts_in_its_header_alone(
    endpoint: LookupEndpoint, params: dict[str, str], place: str
) -> None:
    headers: dict[str, str] = {}
    if place == "query":
        params = {**params, "x-api-key": endpoint.key, "api_key": endpoint.key}
    elif place == "authorization":
        headers["authorization"] = endpoint.key
    else:
        headers["cookie"] = f"x-api-key={endpoint.key}"
    response = endpoint.get(params, headers)
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


def test_the_header_may_be_written_in_capitals(
    endpoint: LookupEndpoint, params: dict[str, str]
) -> None:
    assert endpoint.get(params, {"X-API-KEY": endpoint.key}).status_code == 200


_WITHOUT_DIGITS = ["", " ", "+", "abc", "()- ", "٣٤٥", "６２８１", "\x00", "null"]


@pytest.mark.parametrize("phone", _WITHOUT_DIGITS)
def test_a_phone_without_a_digit_is_missing(
    endpoint: LookupEndpoint, params: dict[str, str], phone: str
) -> None:
    response = endpoint.get({**params, "phone": phone}, {"x-api-key": endpoint.key})
    assert (response.status_code, response.json()) == (400, MISSING_PHONE)


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        (("phone",), MISSING_PHONE),
        (("workspace_id",), MISSING_WORKSPACE),
        (("phone", "workspace_id"), MISSING_PHONE),
    ],
)
def test_an_absent_parameter_is_named(
    endpoint: LookupEndpoint, params: dict[str, str], absent: tuple[str, ...], expected: object
) -> None:
    left = {name: value for name, value in params.items() if name not in absent}
    response = endpoint.get(left, {"x-api-key": endpoint.key})
    assert (response.status_code, response.json()) == (400, expected)


def test_an_empty_workspace_is_missing(endpoint: LookupEndpoint, params: dict[str, str]) -> None:
    response = endpoint.get({**params, "workspace_id": ""}, {"x-api-key": endpoint.key})
    assert (response.status_code, response.json()) == (400, MISSING_WORKSPACE)


def test_a_parameter_goes_by_its_exact_name(
    endpoint: LookupEndpoint, params: dict[str, str]
) -> None:
    renamed = {"Phone": params["phone"], "workspaceId": params["workspace_id"]}
    response = endpoint.get(renamed, {"x-api-key": endpoint.key})
    assert (response.status_code, response.json()) == (400, MISSING_PHONE)


def test_the_key_is_looked_at_before_the_parameters(endpoint: LookupEndpoint) -> None:
    response = endpoint.get({}, {"x-api-key": "wrong"})
    assert (response.status_code, response.json()) == (401, UNAUTHORIZED)


def test_a_refusal_does_not_touch_the_data(
    endpoint: LookupEndpoint, params: dict[str, str]
) -> None:
    for response in (endpoint.get(params), endpoint.get({}, {"x-api-key": endpoint.key})):
        assert response.headers["server-timing"].startswith("query;dur=0")


def test_a_refusal_shows_nothing_of_the_key(
    endpoint: LookupEndpoint, params: dict[str, str]
) -> None:
    response = endpoint.get(params, {"x-api-key": endpoint.key[:-1]})
    assert endpoint.key[:8] not in response.text + json.dumps(dict(response.headers))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_lookup_is_a_get(endpoint: LookupEndpoint, params: dict[str, str], method: str) -> None:
    response = _send(endpoint, method, params)
    assert response.status_code in {404, 405}
    assert "contact" not in response.text


def test_head_is_get_without_a_body(endpoint: LookupEndpoint, params: dict[str, str]) -> None:
    response = _send(endpoint, "HEAD", params)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.content == b""


def test_a_head_without_the_key_is_refused(
    endpoint: LookupEndpoint, params: dict[str, str]
) -> None:
    response = endpoint.client.head(endpoint.url + endpoint.path, params=params)
    assert response.status_code == 401


@pytest.mark.parametrize("suffix", ["/", "/x", "x", "%00"])
def test_a_path_beside_the_lookups_gives_no_answer(
    endpoint: LookupEndpoint, params: dict[str, str], suffix: str
) -> None:
    response = endpoint.client.get(
        endpoint.url + endpoint.path + suffix, params=params, headers={"x-api-key": endpoint.key}
    )
    assert response.status_code in {308, 400, 404}


def _send(endpoint: LookupEndpoint, method: str, params: dict[str, str]) -> httpx.Response:
    return endpoint.client.request(
        method, endpoint.url + endpoint.path, params=params, headers={"x-api-key": endpoint.key}
    )
