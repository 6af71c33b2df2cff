"""Calls of a Convex deployment's functions over its HTTP API, and what its errors mean."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson
from convex.values import convex_to_json

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt, register_secret
from seeding.stores.retry import Retrier, new_client

if TYPE_CHECKING:
    import httpx


class TooMuch(BackendError):
    """The call is beyond what one function may read, write or compute: less may pass."""


class NoSuchFunction(BackendError):
    """The deployment lacks a function."""


class Refused(BackendError):
    """The deployment does not take the credential, or not for this."""


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
        self.retry = Retrier(self.name, url, "CONVEX_URL")
        register_secret(admin_key)
        register_secret(seed_secret)
        self._module = "seed" if admin_key else "seedWithSecret"
        self._credential = "CONVEX_ADMIN_KEY" if admin_key else "SEED_SECRET"
        self._extra = {} if admin_key else {"secret": seed_secret}

    def query(self, function: str, **arguments: Any) -> Any:
        """Return what one of the seeding functions returns."""
        return self._call("query", function, arguments)

    def mutation(self, function: str, **arguments: Any) -> Any:
        """Return what one of the seeding functions returns, once it is committed."""
        return self._call("mutation", function, arguments)

    def mutation_once(self, function: str, argument: str, value: bytes) -> Any:
        """Send `value`, which is JSON, without repeating. Raises httpx's errors and Busy, too."""
        extra = b"".join(b",%b:%b" % (_json(name), _json(one)) for name, one in self._extra.items())
        arguments = b"{%b:%b%b}" % (_json(argument), value, extra)
        path = self._path(function)
        return self._value(self._post("mutation", path, arguments), path)

    def system_query(self, path: str, **arguments: Any) -> Any:
        """Return what one of the deployment's own functions returns. Needs the admin key."""
        body = _json(arguments)
        return self._value(self.retry(lambda: self._post("query", path, body)), path)

    def send(self, route: str, content: bytes, content_type: str) -> httpx.Response:
        """Post to a route of the API once. Raises httpx's errors and Busy, too."""
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
        return self._value(self.retry(lambda: self._post(kind, path, body)), path)

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
        if response.status_code in {401, 403}:
            raise self._refused()
        try:
            answer = json.loads(response.content, parse_float=_number)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and "status" in answer:
            return answer
        if isinstance(answer, dict) and "AdminKey" in str(answer.get("code")):
            raise self._refused()
        said = f"answered {path} with HTTP {response.status_code}: {excerpt(response.text)}"
        if response.status_code == 413:
            raise TooMuch(f"{self.name} at {self.url} {said}", fix="allow larger requests")
        if response.status_code >= 500:
            raise BackendError(f"{self.name} at {self.url} {said}", fix="see the deployment's log")
        raise BackendError(
            f"{self.name} at {self.url} {said}",
            fix="correct CONVEX_URL: it is the deployment's main address, not the one of its "
            "HTTP actions",
        )

    def _function_failed(self, answer: dict[str, Any], path: str) -> BackendError:
        # A deployment in production shows the message of a ConvexError only, as its data.
        message = str(answer.get("errorData") or answer.get("errorMessage") or "no reason given")
        if "Could not find" in message:
            return NoSuchFunction(
                f"{self.name} at {self.url} has no function {path}", fix="deploy backends/convex"
            )
        if "Unauthorized" in message:
            return self._refused()
        if "SEED_SECRET" in message:
            return BackendError(
                f"{self.name} at {self.url}: SEED_SECRET is not set in the deployment",
                fix="run `npx convex env set SEED_SECRET …`, or set CONVEX_ADMIN_KEY",
            )
        if "ArgumentValidationError" in message:
            return BackendError(
                f"{self.name} at {self.url} does not take {path}'s arguments: {excerpt(message)}",
                fix="deploy backends/convex of this version",
            )
        if clash := self._clash(message):
            return clash
        kind = TooMuch if _TOO_MUCH.search(message) else BackendError
        return kind(
            f"{self.name}: {path} failed: {excerpt(message)}", fix="see the deployment's log"
        )

    def _clash(self, message: str) -> BackendError | None:
        if "would be held by two rows" not in message:
            return None
        if "workspace_id, phone" in message:
            return BackendError(
                f"{self.name}: a contact that dragstrip did not seed has the phone number of one "
                f"it is to seed: {excerpt(message)}",
                fix="remove that contact, or choose another dataset.seed",
            )
        return BackendError(
            f"{self.name}: a row that is there already stands in the way: {excerpt(message)}",
            fix="run `dragstrip seed --reset`, then seed again; if that does not help, the row is "
            "not dragstrip's: remove it, or choose another dataset.seed",
        )

    def _refused(self) -> Refused:
        return Refused(
            f"{self.name} at {self.url} refused {self._credential}",
            fix=f"correct {self._credential}",
        )


# A deployment in production says no more than the second line of what is not a ConvexError.
_TOO_MUCH = re.compile(
    r"Too many |timed out|too large|maximum total syscall duration"
    r"|^\[Request ID: \w+\] Server Error$"
)


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


def _number(text: str) -> int | float:
    """Convex knows no integers: 128 may come back as 128.0."""
    value = float(text)
    return int(value) if value.is_integer() else value
