"""A store in memory: what both backends promise, for tests of what is built on it."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

import orjson

from seeding.dataset.digest import contact_digest, range_digest, state_digest
from seeding.stores.base import MessageRange, RangeDigest
from seeding.stores.refusals import TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seeding.dataset.model import Context, Manifest, Workspace


class KilledStore(BaseException):
    """Ends a command where it stands, as a signal does."""


class MemoryStore:
    """Keeps contexts by index, and `others`, which nobody has seeded, beside them.

    `dies_after` counts the writes of contexts it survives; with `tears`, the last one is done by
    half, and its last contact by half, too. It takes `most` contacts at once.
    """

    concurrency = 3
    page = 256

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[int, Context] = {}
        self.others: list[Context] = []
        self.tenants: dict[str, Workspace] = {}
        self.manifest: Manifest | None = None
        self.calls: list[str] = []
        self.dies_after: int | None = None
        self.tears = False
        self.most = 10**9
        self.breaks = False
        self._lock = threading.Lock()

    def read_manifest(self) -> Manifest | None:
        return copy.copy(self.manifest)

    def write_manifest(self, manifest: Manifest) -> None:
        self._note(f"manifest {manifest['state']}")
        self.manifest = copy.copy(manifest)

    def delete_manifest(self) -> None:
        self._note("delete manifest")
        self.manifest = None

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        self._note("workspaces")
        self.tenants.update({workspace["id"]: workspace for workspace in workspaces})

    @staticmethod
    def encode(contexts: Iterable[Context]) -> list[Context]:
        return list(contexts)

    def write(self, batch: list[Context]) -> None:
        if len(batch) > self.most:
            self._note("too much")
            raise TooMuch("less, please")
        with self._lock:
            dies = self.dies_after == 0
            if self.dies_after:
                self.dies_after -= 1
        if dies and self.tears:
            self._put(batch[: len(batch) // 2 + 1])
            self.rows[batch[len(batch) // 2]["index"]]["notes"] = []
        if dies:
            raise KilledStore
        self._note(f"write {len(batch)}")
        self._put(batch)

    def _put(self, batch: list[Context]) -> None:
        for context in batch:
            assert context["contact"]["workspace_id"] in self.tenants
            assert context["index"] not in self.rows, "what is wrong is removed first"
            stored: Context = orjson.loads(orjson.dumps(context))
            if self.breaks:
                stored["contact"]["lead_score"] += 1
            with self._lock:
                self.rows[context["index"]] = stored

    def delete_contexts(self, start: int, stop: int) -> int:
        with self._lock:
            indices = [index for index in self.rows if start <= index < stop]
            for index in indices:
                del self.rows[index]
        if indices:
            self._note(f"delete {len(indices)}")
        return len(indices)

    def delete_workspaces(self, ids: Sequence[str]) -> int:
        contexts = [*self.rows.values(), *self.others]
        held = {context["contact"]["workspace_id"] for context in contexts}
        gone = [one for one in ids if one in self.tenants and one not in held]
        for one in gone:
            del self.tenants[one]
        return len(gone)

    def next_index(self, start: int) -> int | None:
        with self._lock:
            return min((index for index in self.rows if index >= start), default=None)

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:
        found = [self.tenants[one] for one in ids if one in self.tenants]
        copied: list[Workspace] = orjson.loads(orjson.dumps(found))
        return copied

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        groups: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for index, digest in self.contact_digests(start, stop).items():
            groups[index // 128 * 128].append((index, digest))
        return [RangeDigest(at, len(pairs), range_digest(pairs)) for at, pairs in groups.items()]

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        return {c["index"]: contact_digest(c) for c in self.contexts(start, stop)}

    def contexts(self, start: int, stop: int) -> list[Context]:
        with self._lock:
            found = [self.rows[index] for index in sorted(self.rows) if start <= index < stop]
        copied: list[Context] = orjson.loads(orjson.dumps(found))
        return copied

    def message_digests(self, prefix: str, start: int, stop: int) -> list[MessageRange]:
        groups: dict[int, list[str]] = defaultdict(list)
        for one in self.message_ids(prefix, start, stop):
            groups[int(one[len(prefix) :][:10]) // 1024 * 1024].append(one)
        return [
            MessageRange(
                at, len(ids), hashlib.sha256("".join(f"{i}\n" for i in ids).encode()).hexdigest()
            )
            for at, ids in groups.items()
        ]

    def message_ids(self, prefix: str, start: int, stop: int) -> list[str]:
        with self._lock:
            ids = [
                message["kapso_message_id"] or ""
                for context in [*self.rows.values(), *self.others]
                for message in context["messages"]
            ]
        of_run = sorted(one for one in ids if one.startswith(prefix))
        return [one for one in of_run if start <= int(one[len(prefix) :][:10]) < stop]

    def state_digests(self, workspace_id: str, phones: Sequence[str]) -> dict[str, str]:
        with self._lock:
            return {
                context["contact"]["phone"]: state_digest(context)
                for context in [*self.rows.values(), *self.others]
                if context["contact"]["workspace_id"] == workspace_id
                and context["contact"]["phone"] in phones
            }

    def remove_messages(self, prefix: str) -> int:
        removed = 0
        with self._lock:
            for context in [*self.rows.values(), *self.others]:
                kept = [
                    one
                    for one in context["messages"]
                    if not (one["kapso_message_id"] or "").startswith(prefix)
                ]
                removed += len(context["messages"]) - len(kept)
                gone = context["messages"] and not kept and context["index"] < 0
                context["messages"] = kept
                if gone:
                    self.others.remove(context)
        return removed

    def stop(self) -> None:
        self._note("stop")

    def close(self) -> None:
        self._note("close")

    def written(self) -> int:
        """How many contexts were written so far."""
        return sum(int(call.split()[1]) for call in self.calls if call.startswith("write "))

    def _note(self, call: str) -> None:
        with self._lock:
            self.calls.append(call)
