"""What a caller is told when the service itself is at fault: that it is, and nothing more."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.run.ipc import free_port
from tests.contract.endpoint import INTERNAL_ERROR, NOT_CONFIGURED, LookupEndpoint, Webhook
from tests.contract.instances import (
    babbling_server,
    convex_deployment,
    next_app,
    sabotaged_functions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx


KEY = "key-of-the-tests-0123456789"
SECRET = "webhook-secret-of-the-tests"
ROLE_KEY = "role-key-of-the-tests"
_TELLTALE = "sesame-5521"
_ASKED = {"phone": "62811", "workspace_id": "00000000-0000-4000-8000-000000000000"}
_MESSAGE: dict[str, Any] = {
    "message": {
        "id": "wamid.failure",
        "timestamp": "1760000000",
        "type": "text",
        "text": {"body": "Hello"},
        "kapso": {"direction": "inbound", "content": "Hello"},
    },
    "conversation": {"phone_number": "62811"},
    "phone_number_id": "1",
}
_DEAD = "http://127.0.0.1:{}"


def _next_variables(**changes: str | None) -> dict[str, str]:
    nowhere = _DEAD.format(free_port())
    variables = {
        "CRM_API_KEY": KEY,
        "KAPSO_WEBHOOK_SECRET": SECRET,
        "SUPABASE_SERVICE_ROLE_KEY": ROLE_KEY,
        "SUPABASE_URL": nowhere,
        "CONVEX_URL": nowhere,
        **changes,
    }
    return {name: value for name, value in variables.items() if value is not None}


# ---- without keys ----


@pytest.fixture(scope="module", params=["absent", "empty"])
def keyless(request: pytest.FixtureRequest, lab: object, tmp_path_factory: Any) -> Iterator[Any]:
    """The addresses of both kinds of server, started without the keys they compare with."""
    folder: Path = tmp_path_factory.mktemp("keyless")
    value = None if request.param == "absent" else ""
    flaw = {"CRM_API_KEY": value, "KAPSO_WEBHOOK_SECRET": value}
    given = {name: text for name, text in flaw.items() if text is not None}
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(next_app(folder / "next.log", _next_variables(**flaw)))
        data = folder / "convex.sqlite"
        site = stack.enter_context(convex_deployment(folder / "convex.log", data, given))
        yield {"convex-http": site, "next-supabase": app, "next-convex": app}


@pytest.mark.parametrize("kind", ["convex-http", "next-supabase", "next-convex"])
@pytest.mark.parametrize("sent", [None, "", KEY, "undefined"])
def test_without_a_key_to_compare_with_nobody_is_answered(
    keyless: dict[str, str], client: httpx.Client, kind: str, sent: str | None
) -> None:
    endpoint = LookupEndpoint(kind, keyless[kind], client, KEY)
    headers = {} if sent is None else {"x-api-key": sent}
    # Before the parameters are looked at, and before the key is.
    for params in (_ASKED, {}):
        response = endpoint.get(params, headers)
        assert (response.status_code, response.json()) == (500, NOT_CONFIGURED)


@pytest.mark.parametrize("kind", ["convex-http", "next-supabase"])
def test_without_a_secret_no_message_is_taken(
    keyless: dict[str, str], client: httpx.Client, kind: str
) -> None:
    for secret in (SECRET, ""):
        response = Webhook(kind, keyless[kind], client, secret).deliver(_MESSAGE)
        assert (response.status_code, response.json()) == (500, NOT_CONFIGURED)


# ---- with a data layer that fails ----


@pytest.fixture(scope="module", params=["unreachable", "babbling"])
def broken_app(request: pytest.FixtureRequest, lab: object, tmp_path_factory: Any) -> Iterator[Any]:
    """The Next.js app over a data layer that does not answer, or fails and says why."""
    log: Path = tmp_path_factory.mktemp("broken") / "next.log"
    with contextlib.ExitStack() as stack:
        changes = {}
        if request.param == "babbling":
            address = stack.enter_context(babbling_server(_TELLTALE))
            changes = {"SUPABASE_URL": address, "CONVEX_URL": address}
        yield stack.enter_context(next_app(log, _next_variables(**changes))), log


@pytest.mark.parametrize("kind", ["next-supabase", "next-convex"])
def test_a_lookup_whose_data_layer_fails_says_no_more_than_that(
    broken_app: tuple[str, Path], client: httpx.Client, kind: str
) -> None:
    address, log = broken_app
    endpoint = LookupEndpoint(kind, address, client, KEY)
    response = endpoint.get(_ASKED, {"x-api-key": KEY, "x-request-id": "trace-9"})
    assert (response.status_code, response.json()) == (500, INTERNAL_ERROR)
    assert response.headers["x-request-id"] == "trace-9"
    _tells_nothing(response)
    _logged(log, "trace-9")


def test_a_message_whose_data_layer_fails_is_not_acknowledged(
    broken_app: tuple[str, Path], client: httpx.Client
) -> None:
    response = Webhook("next-supabase", broken_app[0], client, SECRET).deliver(_MESSAGE)
    assert (response.status_code, response.json()) == (500, INTERNAL_ERROR)
    _tells_nothing(response)


@pytest.mark.parametrize("kind", ["next-supabase", "next-convex"])
def test_refusals_need_no_data_layer(
    broken_app: tuple[str, Path], client: httpx.Client, kind: str
) -> None:
    endpoint = LookupEndpoint(kind, broken_app[0], client, KEY)
    assert endpoint.get(_ASKED, {"x-api-key": "wrong"}).status_code == 401
    assert endpoint.get({}, {"x-api-key": KEY}).status_code == 400


@pytest.fixture(scope="module")
def broken_site(lab: object, tmp_path_factory: Any) -> Iterator[tuple[str, Path]]:
    """A Convex deployment whose query and mutation throw."""
    folder: Path = tmp_path_factory.mktemp("broken-convex")
    functions = sabotaged_functions(
        folder,
        "contacts.ts",
        "const contact = await findContact(",
        f'if (phone) throw new Error("{_TELLTALE}");\n    const contact = await findContact(',
    )
    messages = functions / "messages.ts"
    text = messages.read_text()
    opening = "handler: async (ctx, { message }) => {"
    assert text.count(opening) == 1
    messages.write_text(text.replace(opening, f'{opening}\n    throw new Error("{_TELLTALE}");'))
    log = folder / "convex.log"
    variables = {"CRM_API_KEY": KEY, "KAPSO_WEBHOOK_SECRET": SECRET}
    with convex_deployment(log, folder / "convex.sqlite", variables, functions) as site:
        yield site, log


def test_a_query_that_throws_says_no_more_than_that(
    broken_site: tuple[str, Path], client: httpx.Client
) -> None:
    site, log = broken_site
    endpoint = LookupEndpoint("convex-http", site, client, KEY)
    response = endpoint.get(_ASKED, {"x-api-key": KEY, "x-request-id": "trace-9"})
    assert (response.status_code, response.json()) == (500, INTERNAL_ERROR)
    assert response.headers["x-request-id"] == "trace-9"
    _tells_nothing(response)
    assert _TELLTALE in log.read_text()


def test_a_mutation_that_throws_is_not_acknowledged(
    broken_site: tuple[str, Path], client: httpx.Client
) -> None:
    response = Webhook("convex-http", broken_site[0], client, SECRET).deliver(_MESSAGE)
    assert (response.status_code, response.json()) == (500, INTERNAL_ERROR)
    _tells_nothing(response)


def _tells_nothing(response: httpx.Response) -> None:
    told = response.text + json.dumps(dict(response.headers))
    for hidden in (
        _TELLTALE,
        KEY,
        SECRET,
        ROLE_KEY,
        "10.1.2.3",
        "127.0.0.1",
        "ECONNREFUSED",
        "  at ",
    ):
        assert hidden not in told


def _logged(log: Path, request_id: str) -> None:
    """The log has what the caller is not told, one JSON line for the request, and no secret."""
    lines = [line for line in log.read_text().splitlines() if f'"{request_id}"' in line]
    assert lines
    assert all(json.loads(line)["error"] for line in lines)
    assert KEY not in log.read_text()
    assert ROLE_KEY not in log.read_text()
