"""Supabase, through its REST API with the service role's key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from postgrest.exceptions import APIError
from postgrest.types import ReturnMethod
from supabase import Client, ClientOptions

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt, register_secret
from seeding.stores import answer_forms
from seeding.stores.base import REMOVED_AT_ONCE, MessageRange, RangeDigest, remove_all
from seeding.stores.postgres_errors import Passing, is_passing, not_migrated, refusal
from seeding.stores.retry import Retrier, new_client
from seeding.stores.rows import context_rows, member_rows, workspace_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic import TypeAdapter

    from seeding.dataset.model import Context, Manifest, Workspace
    from seeding.stores.rows import Row, Tables

T = TypeVar("T")

_MANIFEST_KEY = "dragstrip"
# Some 400 kB: proxies commonly refuse more than a megabyte.
_ROWS_PER_REQUEST = 1_024

_TIMED_OUT = "57014"
_NOT_MIGRATED = frozenset({"PGRST202", "PGRST204", "PGRST205"})
_REFUSED = frozenset({"401", "403", "42501", "PGRST300", "PGRST301", "PGRST302", "PGRST303"})

# The statuses of a gateway before a hosted project that does not reach it.
_GATEWAY = frozenset({"520", "521", "522", "523", "524"})


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
        self._retry = Retrier(self.name, url, "SUPABASE_URL")

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
            self._send(self._analyse)
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
        return int(
            self._rpc(answer_forms.COUNT, "dragstrip_delete_contexts", p_start=start, p_stop=stop)
        )

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
        found = self._rpc(
            answer_forms.RANGES, "dragstrip_range_digests", p_start=start, p_stop=stop
        )
        return [RangeDigest(**entry) for entry in found]

    def contact_digests(self, start: int, stop: int) -> dict[int, str]:
        """Return the digest of every stored contact by its index."""
        found = self._rpc(
            answer_forms.CONTACTS, "dragstrip_contact_digests", p_start=start, p_stop=stop
        )
        return {entry["index"]: entry["digest"] for entry in found}

    def contexts(self, start: int, stop: int) -> list[Context]:
        """Return what is stored, by index."""
        found: list[Context] = self._rpc(
            answer_forms.ROWS, "dragstrip_read_contexts", p_start=start, p_stop=stop
        )
        return found

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
        try:
            self._rest.rpc("dragstrip_analyze", {}).execute()
        except APIError as error:
            # Behind the API a statement may have a few seconds only; autovacuum does it then.
            if str(error.code) != _TIMED_OUT:
                raise

    def _rpc(self, form: TypeAdapter[Any], function: str, **arguments: Any) -> Any:
        answer = self._send(self._rest.rpc(function, arguments).execute).data
        return self._checked(form, answer, function)

    def _checked(self, form: TypeAdapter[Any], answer: Any, what: str) -> Any:
        return answer_forms.of_form(form, answer, f"{self.name} at {self._url}", what)

    def _upsert(self, table: str, rows: list[Row], *, key: str = "id") -> None:
        for first in range(0, len(rows), _ROWS_PER_REQUEST):
            query = self._rest.from_(table).upsert(
                rows[first : first + _ROWS_PER_REQUEST],
                on_conflict=key,
                returning=ReturnMethod.minimal,
            )
            self._send(query.execute)

    def _send(self, call: Callable[[], T]) -> T:
        try:
            return self._retry(lambda: self._once(call))
        except APIError as error:
            raise self._mapped(error) from None

    def _once(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except APIError as error:
            if is_passing(str(error.code)) or str(error.code) in _GATEWAY:
                raise Passing(self._said(error)) from None
            raise

    def _said(self, error: APIError) -> str:
        parts = (excerpt(str(part)) for part in (error.message, error.details) if part)
        return ": ".join(parts)

    def _mapped(self, error: APIError) -> BackendError:
        code, said = str(error.code), self._said(error)
        if code in _REFUSED or "API key" in said or "JWT" in said:
            return BackendError(
                f"{self.name} at {self._url} refused SUPABASE_SERVICE_ROLE_KEY: {said}",
                fix="correct SUPABASE_SERVICE_ROLE_KEY: it must be the service role's",
            )
        if code in _NOT_MIGRATED:
            return not_migrated(self.name, self._url, said)
        return refusal(self.name, self._url, code, said) or BackendError(
            f"{self.name} at {self._url} failed: {code}: {said}",
            fix="correct SUPABASE_URL if this is not Supabase; otherwise see its log",
        )
