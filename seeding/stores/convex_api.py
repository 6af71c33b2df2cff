"""Calls of a Convex deployment's functions over its HTTP API, and what its errors mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import orjson
from convex.values import convex_to_json

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt, register_secret
from seeding.stores.refusals import CONVEX, Passing, refusal_of
from seeding.stores.retry import Retrier, new_client, said_of

if TYPE_CHECKING:
    import httpx


TABLES = (CONVEX,)


class ConvexApi:
    """Calls `seed:*` with an admin key, or `seedWithSecret:*` with the deployment's SEED_SECRET."""

    name = "Convex"

    def __init__(
        self, url: str, *, admin_key: str | None, seed_secret: str | None, connections: int
    ) -> None:
        self.url = url
        self.has_admin_key = admin_key is not None
        self.client = new_client(url, connections=connections)
        if admin_key:
            self.client.headers["authorization"] = f"Convex {admin_key}"
        self.retry = Retrier(self.name, url, "CONVEX_URL", TABLES)
        register_secret(admin_key)
        register_secret(seed_secret)
        self._credential = "CONVEX_ADMIN_KEY" if admin_key else "SEED_SECRET"
        self._module = "seed" if admin_key else "seedWithSecret"
        self._extra = {} if admin_key else {"secret": seed_secret}

    def query(self, function: str, **arguments: Any) -> Any:
        """Return what one of the seeding functions returns."""
        return self._call("query", function, arguments)

    def mutation(self, function: str, **arguments: Any) -> Any:
        """Return what one of the seeding functions returns, once it is committed."""
        return self._call("mutation", function, arguments)

    def mutation_once(self, function: str, argument: str, value: bytes) -> Any:
        """Send `value`, which is JSON, once. Raises httpx's errors and Passing, too."""
        extra = b"".join(b",%b:%b" % (_json(name), _json(one)) for name, one in self._extra.items())
        arguments = b"{%b:%b%b}" % (_json(argument), value, extra)
        path = self._path(function)
        return self._value(self._post("mutation", path, arguments), path)

    def system_query(self, path: str, **arguments: Any) -> Any:
        """Return what one of the deployment's own functions returns. Needs the admin key."""
        body = _json(arguments)
        return self.retry(lambda: self._value(self._post("query", path, body), path))

    def send(self, route: str, content: bytes, content_type: str) -> httpx.Response:
        """Post to a route of the API once. Raises httpx's errors and Passing, too."""
        return self.client.post(
            f"/api/{route}", content=content, headers={"content-type": content_type}
        )

    def close(self) -> None:
        """End waits, and close the connections."""
        self.retry.stop()
        self.client.close()

    def _call(self, kind: str, function: str, arguments: dict[str, Any]) -> Any:
        path = self._path(function)
        # A number that Convex could not hold exactly is refused here, before it is sent.
        body = _json(convex_to_json({**arguments, **self._extra}))
        return self.retry(lambda: self._value(self._post(kind, path, body), path))

    def _path(self, function: str) -> str:
        return f"{self._module}:{function}"

    def _post(self, kind: str, path: str, arguments: bytes) -> httpx.Response:
        body = b'{"path":%b,"args":%b,"format":"json"}' % (_json(path), arguments)
        return self.send(kind, body, "application/json")

    def _value(self, response: httpx.Response, path: str) -> Any:
        answer = self._envelope(response, path)
        if answer.get("status") == "success":
            return answer.get("value")
        raise self._function_failed(answer, path)

    def _envelope(self, response: httpx.Response, path: str) -> dict[str, Any]:
        """Return the answer; an HTTP status of 200 covers functions that threw."""
        try:
            answer = json.loads(response.content, parse_float=_number)
        except ValueError:
            answer = None
        is_refused = response.status_code in {401, 403}
        if not is_refused and isinstance(answer, dict) and "status" in answer:
            return answer
        raise self._error(said_of(response), path)

    def _function_failed(self, answer: dict[str, Any], path: str) -> Exception:
        # A deployment in production shows the message of a ConvexError only, as its data.
        message = str(answer.get("errorData") or answer.get("errorMessage") or "no reason given")
        return self._error(excerpt(message), path)

    def _error(self, said: str, path: str) -> Exception:
        known = refusal_of(TABLES, said)
        if known is None:
            return BackendError(
                f"{self.name} at {self.url}: {path} failed: {said}", fix="see the deployment's log"
            )
        if known.then == "waits":
            return Passing(said)
        return known.error(self.name, self.url, f"{path}: {said}", CREDENTIAL=self._credential)


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


def _number(text: str) -> int | float:
    """Convex knows no integers: 128 may come back as 128.0."""
    value = float(text)
    return int(value) if value.is_integer() else value
