"""Convex, through the HTTP API of a deployment that runs backends/convex."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from convex.values import convex_to_json

from dragstrip.errors import BackendError
from seeding.stores.base import RangeDigest
from seeding.stores.http import Retrier, excerpt, new_client

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import httpx

    from seeding.model import Context, Manifest, Workspace

# Checking uniqueness reads two or three index ranges for each row, of 4,096 that one transaction
# may read; writes are limited to 16,000 documents.
_ROWS_PER_MUTATION = 1_000


class ConvexStore:
    """The dataset in Convex. It calls `seed:*` with an admin key, or `seedWithSecret:*`."""

    name = "Convex"
    # Each mutation is one transaction and Convex runs 16 at once; its write rate is the limit.
    concurrency = 3
    page = 256

    def __init__(self, url: str, *, admin_key: str | None, seed_secret: str | None) -> None:
        self._url = url
        self._secrets = (admin_key, seed_secret)
        self._module = "seed" if admin_key else "seedWithSecret"
        self._credential = "CONVEX_ADMIN_KEY" if admin_key else "SEED_SECRET"
        self._extra = {} if admin_key else {"secret": seed_secret}
        self._client = new_client(url, connections=self.concurrency + 1)
        if admin_key:
            self._client.headers["authorization"] = f"Convex {admin_key}"
        self._retry = Retrier(self.name, url, "CONVEX_URL")

    def read_manifest(self) -> Manifest | None:
        """Return what the deployment was seeded with, or None."""
        manifest: Manifest | None = self._call("query", "readManifest")
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        self._call("mutation", "writeManifest", manifest=manifest)

    def delete_manifest(self) -> None:
        """Remove the manifest."""
        self._call("mutation", "deleteManifest")

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        """Insert or update workspaces and their members."""
        self._call("mutation", "writeWorkspaces", workspaces=list(workspaces))

    @staticmethod
    def encode(contexts: Iterable[Context]) -> list[list[Context]]:
        """Return the contacts in as many transactions as the limits ask for."""
        return list(_batches(contexts))

    def write(self, batch: list[list[Context]]) -> None:
        """Insert or update contacts."""
        for contexts in batch:
            self._call("mutation", "writeContexts", contexts=contexts)

    def delete_contexts(self, start: int, stop: int) -> int:
        """Remove seeded contacts with all that hangs on them; return how many."""
        return int(self._call("mutation", "deleteContexts", start=start, stop=stop)["deleted"])

    def delete_workspaces(self, ids: Sequence[str]) -> int:
        """Remove the workspaces in which no contact is left; return how many."""
        return int(self._call("mutation", "deleteWorkspaces", ids=list(ids))["deleted"])

    def count(self, start: int, stop: int) -> int:
        """Return how many seeded contacts are stored."""
        return int(self._call("query", "count", start=start, stop=stop))

    def next_index(self, start: int) -> int | None:
        """Return the smallest stored seed_index from `start` on, or None."""
        found: int | None = self._call("query", "nextIndex", start=start)
        return found

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:
        """Return what is stored of these, in their order, with members; absent ones left out."""
        found: list[Workspace] = self._call("query", "readWorkspaces", ids=list(ids))
        return found

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        """Return the digests of the aligned ranges that hold a contact."""
        found = self._call("query", "rangeDigests", start=start, stop=stop)
        return [RangeDigest(**entry) for entry in found if entry["contacts"]]

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every stored contact by its index."""
        found = self._call("query", "contactDigests", start=start, stop=stop)
        return {entry["index"]: entry["digest"] for entry in found}

    def contexts(self, start: int, stop: int) -> list[Context]:
        """Return what is stored, by index."""
        found: list[Context] = self._call("query", "readContexts", start=start, stop=stop)
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, kind: str, function: str, **arguments: Any) -> Any:
        path = f"{self._module}:{function}"
        # A number that Convex could not hold exactly is refused here, before it is sent.
        given = convex_to_json({**arguments, **self._extra})
        body = {"path": path, "args": given, "format": "json"}
        response = self._retry(lambda: self._client.post(f"/api/{kind}", json=body))
        answer = self._parse(response, path)
        if answer.get("status") == "success":
            return answer.get("value")
        raise self._function_failed(answer, path)

    def _parse(self, response: httpx.Response, path: str) -> dict[str, Any]:
        """Return the answer's envelope; 200 covers functions that threw."""
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
        raise BackendError(
            f"{self.name} at {self._url} answered {path} with HTTP {response.status_code}: "
            f"{self._excerpt(response.text)}",
            fix="correct CONVEX_URL: it is the deployment's main address, not the one of its "
            "HTTP actions",
        )

    def _function_failed(self, answer: dict[str, Any], path: str) -> BackendError:
        # A deployment in production shows the message of a ConvexError only, as its data.
        message = str(answer.get("errorData") or answer.get("errorMessage") or "no reason given")
        if "Could not find" in message:
            return BackendError(
                f"{self.name} at {self._url} has no function {path}", fix="deploy backends/convex"
            )
        if "Unauthorized" in message:
            return self._refused()
        if "SEED_SECRET" in message:
            return BackendError(
                f"{self.name} at {self._url}: SEED_SECRET is not set in the deployment",
                fix="run `npx convex env set SEED_SECRET …`, or set CONVEX_ADMIN_KEY",
            )
        if "ArgumentValidationError" in message:
            return BackendError(
                f"{self.name} at {self._url} does not take {path}'s arguments: "
                f"{self._excerpt(message)}",
                fix="deploy backends/convex of this version",
            )
        return self._clash(message) or BackendError(
            f"{self.name}: {path} failed: {self._excerpt(message)}",
            fix="see the deployment's log",
        )

    def _clash(self, message: str) -> BackendError | None:
        if "would be held by two rows" not in message:
            return None
        if "workspace_id, phone" in message:
            return BackendError(
                f"{self.name}: a contact that dragstrip did not seed has the phone number of one "
                f"it is to seed: {self._excerpt(message)}",
                fix="remove that contact, or choose another dataset.seed",
            )
        return BackendError(
            f"{self.name}: a row that is there already stands in the way: {self._excerpt(message)}",
            fix="run `dragstrip seed --reset`, then seed again; if that does not help, the row is "
            "not dragstrip's: remove it, or choose another dataset.seed",
        )

    def _refused(self) -> BackendError:
        return BackendError(
            f"{self.name} at {self._url} refused {self._credential}",
            fix=f"correct {self._credential}",
        )

    def _excerpt(self, text: str) -> str:
        return excerpt(text, self._secrets)


def _batches(contexts: Iterable[Context]) -> Iterator[list[Context]]:
    batch: list[Context] = []
    rows = 0
    for context in contexts:
        size = 2 + len(context["messages"]) + len(context["notes"])
        if batch and rows + size > _ROWS_PER_MUTATION:
            yield batch
            batch, rows = [], 0
        batch.append(context)
        rows += size
    if batch:
        yield batch


def _number(text: str) -> int | float:
    """Convex knows no integers: 128 may come back as 128.0."""
    value = float(text)
    return int(value) if value.is_integer() else value
