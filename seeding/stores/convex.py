"""Convex, through the HTTP API of a deployment that runs backends/convex."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import httpx

from seeding.dataset.digest import RANGE
from seeding.stores import answer_forms, convex_batches
from seeding.stores.aimd import BatchPace
from seeding.stores.base import REMOVED_AT_ONCE, MessageRange, RangeDigest, remove_all
from seeding.stores.convex_api import ConvexApi
from seeding.stores.convex_batches import Encoded, first_batch
from seeding.stores.convex_import import BulkImport, ImportFailed, ImportRefused
from seeding.stores.parts import Parts
from seeding.stores.refusals import NoSuchFunction, Passing, Refused, TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic import TypeAdapter

    from seeding.dataset.model import Context, Manifest, Workspace

# 256 contacts are some 2,600 documents and 770 index ranges, of 32,000 and 4,096 that one function
# may read; it may compute for a second.
_READ_AT_ONCE = 256

_MESSAGES_AT_ONCE = 2048

# Below this an import's steps take longer than the transactions that it saves.
_IMPORT_FROM = 512

# Somewhere imports may not be possible at all: uploads turned off, a key that may not import.
_REFUSALS = 3


class ConvexStore:
    """The dataset in Convex. It calls `seed:*` with an admin key, or `seedWithSecret:*`."""

    name = "Convex"
    # Each mutation is one transaction and Convex runs 16 at once; its write rate is the limit.
    concurrency = 3
    page = 1024

    def __init__(self, url: str, *, admin_key: str | None, seed_secret: str | None) -> None:
        self._api = ConvexApi(
            url, admin_key=admin_key, seed_secret=seed_secret, connections=self.concurrency + 1
        )
        self._retry = self._api.retry
        self._parts = Parts(_READ_AT_ONCE)
        self._imports = BulkImport(self._api) if admin_key else None
        self._refusals = 0
        self._settled = False
        self._settling = threading.Lock()
        self._pace = BatchPace(rows=convex_batches.ROWS, at_once=self.concurrency)

    def read_manifest(self) -> Manifest | None:
        """Return what the deployment was seeded with, or None."""
        manifest: Manifest | None = self._query(answer_forms.MANIFEST, "readManifest")
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        self._settle()
        self._api.mutation("writeManifest", manifest=manifest)

    def delete_manifest(self) -> None:
        """Remove the manifest."""
        self._api.mutation("deleteManifest")

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        """Insert or update workspaces and their members."""
        self._api.mutation("writeWorkspaces", workspaces=list(workspaces))
        if self._imports is not None:
            self._imports.use([workspace["id"] for workspace in workspaces])

    @staticmethod
    def encode(contexts: Iterable[Context]) -> list[Encoded]:
        """Return the contacts as JSON. Raises BackendError for what Convex could not hold."""
        return convex_batches.encode(contexts)

    def write(self, batch: list[Encoded]) -> None:
        """Insert or update contacts: many new ones in an import, others in transactions."""
        self._settle()
        if len(batch) >= _IMPORT_FROM and self._import(batch):
            return
        rest: Sequence[Encoded] = batch
        while rest:
            written = self._retry(functools.partial(self._write_some, rest))
            rest = rest[written:]

    def delete_contexts(self, start: int, stop: int) -> int:
        """Remove seeded contacts with all that hangs on them; return how many."""
        self._settle()
        return sum(self._in_parts(self._delete, "deleteContexts", start, stop))

    def delete_workspaces(self, ids: Sequence[str]) -> int:
        """Remove the workspaces in which no contact is left; return how many."""
        answer = self._api.mutation("deleteWorkspaces", ids=list(ids))
        return int(self._checked(answer_forms.DELETED, answer, "deleteWorkspaces")["deleted"])

    def next_index(self, start: int) -> int | None:
        """Return the smallest stored seed_index from `start` on, or None."""
        found: int | None = self._query(answer_forms.INDEX, "nextIndex", start=start)
        return found

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:
        """Return what is stored of these, in their order, with members; absent ones left out."""
        found: list[Workspace] = self._query(answer_forms.ROWS, "readWorkspaces", ids=list(ids))
        return found

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        """Return the digests of the aligned ranges that hold a contact."""
        found = self._read(answer_forms.RANGES, "rangeDigests", start, stop, least=RANGE)
        return [RangeDigest(**entry) for entry in found if entry["contacts"]]

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every stored contact by its index."""
        digests: dict[int, str] = {}
        for entry in self._read(answer_forms.CONTACTS, "contactDigests", start, stop):
            # Two contacts of one index are wrong, whatever each of them holds.
            digests[entry["index"]] = "" if entry["index"] in digests else entry["digest"]
        return digests

    def contexts(self, start: int, stop: int) -> list[Context]:
        """Return what is stored, by index."""
        return list(self._read(answer_forms.ROWS, "readContexts", start, stop))

    def message_digests(self, prefix: str, start: int, stop: int) -> list[MessageRange]:
        """Return the digests of the ranges that hold a message of a run."""
        found = self._numbers(answer_forms.MESSAGES, "messageDigests", prefix, start, stop)
        return [MessageRange(**entry) for entry in found]

    def message_ids(self, prefix: str, start: int, stop: int) -> list[str]:
        """Return the ids of a run's messages, as often as each is stored."""
        return list(self._numbers(answer_forms.IDS, "messageIds", prefix, start, stop))

    def state_digests(self, workspace_id: str, phones: Sequence[str]) -> dict[str, str]:
        """Return the digest of what is stored of each contact by phone number."""

        def ask(function: str, start: int, stop: int) -> Any:
            some = list(phones[start:stop])
            return self._api.query(function, workspace_id=workspace_id, phones=some)

        parts = self._in_parts(ask, "stateDigests", 0, len(phones))
        return {
            entry["phone"]: entry["digest"]
            for part in parts
            for entry in self._checked(answer_forms.STATES, part, "stateDigests")
        }

    def remove_messages(self, prefix: str) -> int:
        """Remove messages whose ids begin so, and contacts that they alone made."""

        def remove_some() -> Any:
            answer = self._api.mutation("removeMessages", prefix=prefix, limit=REMOVED_AT_ONCE)
            return self._checked(answer_forms.DELETED, answer, "removeMessages")

        self._settle()
        return remove_all(remove_some)

    def stop(self) -> None:
        """End waits for the deployment in other threads; their calls raise BackendError."""
        self._api.retry.stop()

    def close(self) -> None:
        """End waits for the deployment, and close the connections."""
        self._api.close()

    def _delete(self, function: str, *, start: int, stop: int) -> int:
        deleted, more = 0, True
        while more:
            answer = self._api.mutation(function, start=start, stop=stop)
            self._checked(answer_forms.DELETED, answer, function)
            deleted, more = deleted + int(answer["deleted"]), answer["more"]
        return deleted

    def _query(self, form: TypeAdapter[Any], function: str, **arguments: Any) -> Any:
        return self._checked(form, self._api.query(function, **arguments), function)

    def _checked(self, form: TypeAdapter[Any], answer: Any, function: str) -> Any:
        return answer_forms.of_form(form, answer, f"{self.name} at {self._api.url}", function)

    def _read(
        self, form: TypeAdapter[Any], function: str, start: int, stop: int, least: int = 1
    ) -> Iterator[Any]:
        for part in self._in_parts(self._api.query, function, start, stop, least):
            yield from self._checked(form, part, function)

    def _numbers(
        self, form: TypeAdapter[Any], function: str, prefix: str, start: int, stop: int
    ) -> Iterator[Any]:
        # A message of a run has at most a few kilobytes: so many can be read by one function.
        for first in range(start, stop, _MESSAGES_AT_ONCE):
            last = min(first + _MESSAGES_AT_ONCE, stop)
            yield from self._query(form, function, prefix=prefix, start=first, stop=last)

    def _in_parts(
        self, call: Callable[..., Any], function: str, start: int, stop: int, least: int = 1
    ) -> Iterator[Any]:
        def ask(start: int, stop: int) -> Any:
            return call(function, start=start, stop=stop)

        return self._parts.each(ask, start, stop, least)

    def _settle(self) -> None:
        """Before anything is changed: an import of an earlier command could still be at it."""
        with self._settling:
            if self._imports is not None and not self._settled:
                try:
                    self._imports.settle()
                except (NoSuchFunction, Refused):
                    # A deployment that shows no imports, or not to this key, runs none of ours.
                    self._imports = None
                self._settled = True

    def _import(self, batch: Sequence[Encoded]) -> bool:
        """Try the bulk import; False leaves to transactions what it has not stored."""
        imports = self._imports
        if imports is None or self._refusals >= _REFUSALS:
            return False
        try:
            imported = imports.write(batch)
        except ImportRefused:
            self._refusals += 1
            return False
        except ImportFailed:
            # Of these contacts there was something after all, such as the ids of deleted ones.
            return False
        self._refusals = 0
        return imported

    def _write_some(self, contexts: Sequence[Encoded]) -> int:
        """Send one transaction, of the size that is right by now; return how many it held."""
        with self._pace.permit() as permit:
            batch = first_batch(contexts, permit.rows)
            value = b"[%b]" % b",".join(context.json for context in batch)
            try:
                self._api.mutation_once("writeContexts", "contexts", value)
            except (Passing, httpx.TransportError):
                self._pace.overloaded(permit)
                raise
            except TooMuch:
                if len(batch) == 1:
                    raise
                self._pace.too_large(permit, sum(context.rows for context in batch))
                return 0
            self._pace.succeeded()
            return len(batch)
