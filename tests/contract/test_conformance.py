"""The endpoints against docs/openapi.yaml, on requests that nobody thought of.

Every example must be answered as the document says, headers included, and never with a 5xx.
The examples are derived from the document alone, the same in every run.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    negative_data_rejection,
    not_a_server_error,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dragstrip.scenario.kinds import kinds
from tests.contract.test_document import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.endpoint import LookupEndpoint
    from tests.contract.people import People

_CONFORMS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_KIND_OF_PATH: dict[str, str] = {
    path: name for name, kind in kinds().items() for path in kind.paths.values()
}
_bounded = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    # Shrinking asks the same question many times; the first failing example says enough.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _document() -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_path(DOCUMENT)
    # The tests send keys and signatures themselves, right ones and wrong ones.
    schema.config.generation.update(with_security_parameters=False)
    # Other methods are no part of the document; test_refusals and test_webhook try them.
    schema.config.phases.coverage.unexpected_methods = set()
    return schema


lookups = _document().include(tag="lookup")
webhooks = _document().include(tag="webhook")


class _Signature(requests.auth.AuthBase):
    """Signs the body as it goes out."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        assert isinstance(raw, bytes)
        signature = hmac.new(self._secret.encode(), raw, hashlib.sha256).hexdigest()
        request.headers["x-webhook-signature"] = signature
        return request


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@lookups.parametrize()
@_bounded
def test_lookups_with_the_key(
    case: schemathesis.Case[Any],
    session: requests.Session,
    endpoints: dict[str, LookupEndpoint],
    people: People,
) -> None:
    endpoint = endpoints[_KIND_OF_PATH[case.operation.path]]
    response = case.call(
        base_url=endpoint.url, session=session, headers={"x-api-key": endpoint.key}
    )
    assert response.status_code != 401
    checks = [*_CONFORMS, negative_data_rejection, positive_data_acceptance]
    case.validate_response(response, checks=checks)


@lookups.parametrize()
@_bounded
def test_lookups_without_the_key(
    case: schemathesis.Case[Any], session: requests.Session, endpoints: dict[str, LookupEndpoint]
) -> None:
    endpoint = endpoints[_KIND_OF_PATH[case.operation.path]]
    response = case.call(base_url=endpoint.url, session=session)
    assert response.status_code == 401
    case.validate_response(response, checks=_CONFORMS)


@webhooks.parametrize()
@_bounded
def test_signed_messages(
    case: schemathesis.Case[Any],
    session: requests.Session,
    endpoints: dict[str, LookupEndpoint],
    lab_environment: dict[str, str],
    people: People,
) -> None:
    endpoint = endpoints[_KIND_OF_PATH[case.operation.path]]
    signature = _Signature(lab_environment["KAPSO_WEBHOOK_SECRET"])
    _address_to(people.gateway["kapso_phone_id"], case)
    response = case.call(base_url=endpoint.url, session=session, auth=signature)
    assert response.status_code != 401
    checks = [*_CONFORMS, negative_data_rejection, positive_data_acceptance]
    case.validate_response(response, checks=checks)


@webhooks.parametrize()
@_bounded
def test_unsigned_messages(
    case: schemathesis.Case[Any], session: requests.Session, endpoints: dict[str, LookupEndpoint]
) -> None:
    endpoint = endpoints[_KIND_OF_PATH[case.operation.path]]
    response = case.call(base_url=endpoint.url, session=session)
    assert response.status_code == 401
    case.validate_response(response, checks=_CONFORMS)


def _address_to(gateway: str, case: schemathesis.Case[Any]) -> None:
    """Send a sound message to a gateway that exists: no generated one does."""
    assert case.meta
    if case.meta.generation.mode.is_positive:
        body: Any = case.body
        body["phone_number_id"] = gateway
