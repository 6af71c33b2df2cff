"""Supabase, through its REST API with the service role's key."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from postgrest.exceptions import APIError
from postgrest.types import ReturnMethod
from supabase import Client, ClientOptions

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt, register_secret
from seeding.dataset.digest import RANGE
from seeding.stores import answer_forms
from seeding.stores.base import REMOVED_AT_ONCE, MessageRange, RangeDigest, remove_all
from seeding.stores.parts import Parts
from seeding.stores.refusals import POSTGRES, REST, Passing, TooMuch, refusal_of
from seeding.stores.retry import Retrier, new_client
from seeding.stores.rows import context_rows, member_rows, workspace_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic import TypeAdapter

    from seeding.dataset.model import Context, Manifest, Workspace
    from seeding.stores.rows import Row, Tables

T = TypeVar("T")

_MANIFEST_KEY = "dragstrip"
# Some 400 kB: proxies commonly refuse more than a megabyte.
_ROWS_PER_REQUEST = 1_024

_TABLES = (REST, POSTGRES)


class SupabaseStore:
    """The dataset in Supabase: rows by upserts, digests by the functions of the migrations."""

    name = "Supabase"
    concurrency = 4
    page = 512

    def __init__(self, url: str, service_role_key: str) -> None:
        self._url = url
        register_secret(service_role_key)
        self._http = new_client(url, connections=self.concurrency + 1)
        options = ClientOptions(
            httpx_client=self._http, auto_refresh_token=False, postgrest_client_retry=False
        )
        # Made here and not on first use, for threads share it.
        self._rest = Client(url, service_role_key, options).postgrest
        self._retry = Retrier(self.name, url, "SUPABASE_URL", _TABLES)
        self._parts = Parts()
        self._rows_at_once = _ROWS_PER_REQUEST

    def read_manifest(self) -> Manifest | None:
        """Return what the database was seeded with, or None."""
        columns = ("seed", "contacts", "digest", "generator", "state")
        query = self._rest.from_("seed_manifest").select(*columns).eq("key", _MANIFEST_KEY)
        rows = self._checked(answer_forms.ROWS, self._send(query.execute).data, "seed_manifest")
        manifest: Manifest | None = rows[0] if rows else None
        self._checked(answer_forms.MANIFEST, manifest, "seed_manifest")
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest; with a complete one, bring the planner's statistics up to date."""
        if manifest["state"] == "complete":
            self._analyse()
        now = datetime.now(UTC).isoformat()
        self._upsert(
            "seed_manifest", [{**manifest, "key": _MANIFEST_KEY, "updated_at": now}], key="key"
        )

    def delete_manifest(self) -> None:
        """Remove the manifest."""
        query = self._rest.from_("seed_manifest").delete(returning=ReturnMethod.minimal)
        self._send(query.eq("key", _MANIFEST_KEY).execute)

    def write_workspaces(self, workspaces: Sequence[Workspace]) -> None:
        """Insert or update workspaces and their members."""
        self._upsert("workspaces", workspace_rows(workspaces))
        self._upsert("workspace_members", member_rows(workspaces))

    @staticmethod
    def encode(contexts: Iterable[Context]) -> Tables:
        """Return the rows of each table, parents before children."""
        return context_rows(contexts)

    def write(self, batch: Tables) -> None:
        """Insert or update contacts."""
        for table, rows in batch.items():
            self._upsert(table, rows)

    def delete_contexts(self, start: int, stop: int) -> int:
        """Remove seeded contacts with all that hangs on them; return how many."""
        return sum(self._in_parts(answer_forms.COUNT, "delete_contexts", start, stop))

    def delete_workspaces(self, ids: Sequence[str]) -> int:
        """Remove the workspaces in which no contact is left; return how many."""
        return int(self._rpc(answer_forms.COUNT, "dragstrip_delete_workspaces", p_ids=list(ids)))

    def next_index(self, start: int) -> int | None:
        """Return the smallest stored seed_index from `start` on, or None."""
        found: int | None = self._rpc(answer_forms.INDEX, "dragstrip_next_index", p_start=start)
        return found

    def read_workspaces(self, ids: Sequence[str]) -> list[Workspace]:
        """Return what is stored of these, in their order, with members; absent ones left out."""
        found: list[Workspace] = self._rpc(
            answer_forms.ROWS, "dragstrip_read_workspaces", p_ids=list(ids)
        )
        return found

    def range_digests(self, start: int, stop: int) -> list[RangeDigest]:
        """Return the digests of the aligned ranges that hold a contact."""
        parts = self._in_parts(answer_forms.RANGES, "range_digests", start, stop, least=RANGE)
        return [RangeDigest(**entry) for part in parts for entry in part]

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every stored contact by its index."""
        parts = self._in_parts(answer_forms.CONTACTS, "contact_digests", start, stop)
        return {entry["index"]: entry["digest"] for part in parts for entry in part}

    def contexts(self, start: int, stop: int) -> list[Context]:
        """Return what is stored, by index."""
        parts = self._in_parts(answer_forms.ROWS, "read_contexts", start, stop)
        return [one for part in parts for one in part]

    def message_digests(self, prefix: str, start: int, stop: int) -> list[MessageRange]:
        """Return the digests of the ranges that hold a message of a run."""
        found = self._rpc(
            answer_forms.MESSAGES,
            "dragstrip_message_digests",
            p_prefix=prefix,
            p_start=start,
            p_stop=stop,
        )
        return [MessageRange(**entry) for entry in found]

    def message_ids(self, prefix: str, start: int, stop: int) -> list[str]:
        """Return the ids of a run's messages, as often as each is stored."""
        found: list[str] = self._rpc(
            answer_forms.IDS, "dragstrip_message_ids", p_prefix=prefix, p_start=start, p_stop=stop
        )
        return found

    def state_digests(self, workspace_id: str, phones: Sequence[str]) -> dict[str, str]:
        """Return the digest of what is stored of each contact by phone number."""
        found = self._rpc(
            answer_forms.STATES,
            "dragstrip_state_digests",
            p_workspace_id=workspace_id,
            p_phones=list(phones),
        )
        return {entry["phone"]: entry["digest"] for entry in found}

    def remove_messages(self, prefix: str) -> int:
        """Remove messages whose ids begin so, and contacts that they alone made."""
        return remove_all(
            lambda: self._rpc(
                answer_forms.DELETED,
                "dragstrip_remove_messages",
                p_prefix=prefix,
                p_limit=REMOVED_AT_ONCE,
            )
        )

    def stop(self) -> None:
        """End waits for a backend that is away; the calls that wait raise BackendError."""
        self._retry.stop()

    def close(self) -> None:
        """End waits for the backend, and close the connections."""
        self._retry.stop()
        self._http.close()

    def _analyse(self) -> None:
        # Behind the API a statement may have a few seconds only; autovacuum does it then.
        with contextlib.suppress(TooMuch):
            self._send(self._rest.rpc("dragstrip_analyze", {}).execute, can_halve=True)

    def _in_parts(
        self, form: TypeAdapter[Any], function: str, start: int, stop: int, least: int = 1
    ) -> Iterator[Any]:
        def ask(start: int, stop: int) -> Any:
            name = f"dragstrip_{function}"
            return self._rpc(form, name, can_halve=True, p_start=start, p_stop=stop)

        return self._parts.each(ask, start, stop, least)

    def _rpc(
        self, form: TypeAdapter[Any], function: str, *, can_halve: bool = False, **arguments: Any
    ) -> Any:
        execute = self._rest.rpc(function, arguments).execute
        return self._checked(form, self._send(execute, can_halve=can_halve).data, function)

    def _checked(self, form: TypeAdapter[Any], answer: Any, what: str) -> Any:
        return answer_forms.of_form(form, answer, f"{self.name} at {self._url}", what)

    def _upsert(self, table: str, rows: list[Row], *, key: str = "id") -> None:
        rest: Sequence[Row] = rows
        while rest:
            part = rest[: self._rows_at_once]
            query = self._rest.from_(table).upsert(
                part, on_conflict=key, returning=ReturnMethod.minimal
            )
            try:
                self._send(query.execute, can_halve=len(part) > 1)
            except TooMuch:
                self._rows_at_once = max(1, len(part) // 2)
            else:
                rest = rest[len(part) :]

    def _send(self, call: Callable[[], T], *, can_halve: bool = False) -> T:
        return self._retry(lambda: self._once(call, can_halve=can_halve))

    def _once(self, call: Callable[[], T], *, can_halve: bool) -> T:
        try:
            return call()
        except APIError as error:
            raise self._error(error, can_halve=can_halve) from None

    def _error(self, error: APIError, *, can_halve: bool) -> Exception:
        words = (excerpt(str(part)) for part in (error.code, error.message, error.details) if part)
        said = ": ".join(words)
        known = refusal_of(_TABLES, said)
        if known is None:
            return BackendError(
                f"{self.name} at {self._url} failed: {said}",
                fix="correct SUPABASE_URL if this is not Supabase; otherwise see its log",
            )
        if known.then == "waits" or (known.then == "halves" and not can_halve):
            return Passing(said)
        return known.error(self.name, self._url, said)
