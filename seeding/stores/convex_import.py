"""Convex's bulk import, for contacts of which nothing is stored.

An archive with the rows of four tables is appended in one import, which goes on in the deployment
whatever becomes of this process. Ids of contacts follow from their UUID and a salt that the
deployment keeps, so that the same contact imported a second time is refused, not stored twice;
contacts come first, so that everything an import may leave unfinished hangs on one of them.
"""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import orjson

from dragstrip.errors import BackendError
from dragstrip.redact import excerpt
from seeding.stores import answer_forms
from seeding.stores.convex_ids import TableIds
from seeding.stores.refusals import TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import httpx
    from pydantic import TypeAdapter

    from seeding.dataset.model import Context
    from seeding.stores.convex_api import ConvexApi
    from seeding.stores.convex_batches import Encoded

_TABLES = ("contacts", "conversations", "messages", "contact_notes")

_LIST = "_system/cli/queryImport:list"
_GET = "_system/cli/queryImport"

# A cloud deployment keeps parts in a store that takes none below 5 MiB, but for the last.
_PART_BYTES = 8 * 2**20

# Two index ranges a contact, of 4,096 that one function may read.
_ASKED_AT_ONCE = 1_024

_FIRST_LOOK_S = 0.02
_LONGEST_LOOK_S = 1.0
_STALLED_S = 600.0


class ImportRefused(Exception):
    """The deployment did not take the import: it may not take any."""


class ImportFailed(Exception):
    """The deployment has given up or forgotten the import; what it wrote of it stays."""


class Keys(NamedTuple):
    """What rows need to refer to each other."""

    salt: int
    contacts: TableIds
    conversations: TableIds
    workspaces: dict[str, str]


class BulkImport:
    """Imports contacts into one deployment, for a caller with its admin key."""

    def __init__(self, api: ConvexApi) -> None:
        self._api = api
        self._workspace_ids: list[str] = []
        self._keys: Keys | None = None
        self._lock = threading.Lock()

    def use(self, workspace_ids: Sequence[str]) -> None:
        """Import into these workspaces from now on; they and the manifest must be stored."""
        with self._lock:
            self._workspace_ids = list(workspace_ids)
            self._keys = None

    def settle(self) -> None:
        """Wait for imports into the same tables that an earlier command has left running."""
        for one in self._checked(answer_forms.IMPORTS, self._api.system_query(_LIST), _LIST):
            tables = {point["display_table_name"] for point in one.get("checkpoints") or ()}
            if one["state"]["state"] == "in_progress" and tables & set(_TABLES):
                self._wait(one["_id"], "completed", "failed")

    def write(self, batch: Sequence[Encoded]) -> bool:
        """Import contacts; False, and nothing is done, when one of them or its phone is there.

        Raises ImportRefused, ImportFailed and BackendError.
        """
        keys = self._learnt()
        if any(one.workspace_id not in keys.workspaces for one in batch):
            return False
        if not all(self._are_free(part, keys) for part in _parts(batch, _ASKED_AT_ONCE)):
            return False
        archive = make_archive(batch, keys)
        import_id = self._api.retry(lambda: self._upload(archive))
        state = self._wait(import_id, "waiting_for_confirmation", "failed")
        if state["state"] == "waiting_for_confirmation":
            confirmation = orjson.dumps({"importId": import_id})
            self._api.retry(lambda: self._send("perform_import", confirmation))
            state = self._wait(import_id, "completed", "failed")
        if state["state"] == "failed":
            raise ImportFailed(str(state.get("error_message")))
        return True

    def _learnt(self) -> Keys:
        with self._lock:
            if self._keys is None:
                answer = self._api.mutation("prepareImport", ids=self._workspace_ids)
                found = self._checked(answer_forms.PREPARED, answer, "prepareImport")
                self._keys = Keys(
                    int.from_bytes(hashlib.sha256(found["salt"].encode()).digest()[:16]),
                    TableIds(found["tables"]["contacts"]),
                    TableIds(found["tables"]["conversations"]),
                    {one["id"]: one["document_id"] for one in found["workspaces"]},
                )
            return self._keys

    def _are_free(self, batch: Sequence[Encoded], keys: Keys) -> bool:
        contacts = [
            {
                "id": one.contact_id,
                "workspace_id": keys.workspaces[one.workspace_id],
                "phone": one.phone,
            }
            for one in batch
        ]
        indices = [one.seed_index for one in batch]
        try:
            free: bool = self._api.query(
                "isFree", start=min(indices), stop=max(indices) + 1, contacts=contacts
            )
        except TooMuch:
            if len(batch) == 1:
                raise
            return all(self._are_free(half, keys) for half in _parts(batch, -(-len(batch) // 2)))
        return free

    def _upload(self, archive: memoryview) -> str:
        """Return the id of an import that waits to be confirmed. It is begun anew when repeated."""
        token = _text_of(self._send("import/start_upload", b""), "uploadToken")
        parts = []
        for number, part in enumerate(_parts(archive, _PART_BYTES), start=1):
            route = f"import/upload_part?uploadToken={quote(token, safe='')}&partNumber={number}"
            parts.append(_json_of(self._send(route, bytes(part), "application/octet-stream")))
        finish = {
            "import": {"mode": "append", "format": "zip"},
            "uploadToken": token,
            "partTokens": parts,
        }
        return _text_of(self._send("import/finish_upload", orjson.dumps(finish)), "importId")

    def _checked(self, form: TypeAdapter[Any], answer: Any, what: str) -> Any:
        store = f"{self._api.name} at {self._api.url}"
        return answer_forms.of_form(form, answer, store, what)

    def _send(
        self, route: str, content: bytes, content_type: str = "application/json"
    ) -> httpx.Response:
        response = self._api.send(route, content, content_type)
        if response.status_code != 200:
            said = excerpt(response.text)
            raise ImportRefused(f"{route.split('?')[0]}: HTTP {response.status_code}: {said}")
        return response

    def _wait(self, import_id: str, *ends: str) -> dict[str, Any]:
        """Return the import's state once it is one of `ends`."""
        delay_s = _FIRST_LOOK_S
        seen: Any = None
        moved_s = time.monotonic()
        while True:
            found = self._api.system_query(_GET, importId=import_id)
            self._checked(answer_forms.IMPORT, found, _GET)
            if found is None:
                raise ImportFailed("the deployment has forgotten it")
            state: dict[str, Any] = found["state"]
            if state["state"] in ends:
                return state
            if found != seen:
                seen, moved_s = found, time.monotonic()
            if self._api.retry.is_stopped or time.monotonic() - moved_s > _STALLED_S:
                raise BackendError(
                    f"{self._api.name} at {self._api.url}: a bulk import is not finished, and has "
                    f"not moved for {time.monotonic() - moved_s:.0f} s",
                    fix="see its imports in the dashboard, then run the command again",
                )
            self._api.retry.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_LOOK_S)


def make_archive(batch: Sequence[Encoded], keys: Keys) -> memoryview:
    """Return a ZIP with the rows of every table, parents before children."""
    tables = {name: bytearray() for name in _TABLES}
    for one in batch:
        for table, row in _rows(orjson.loads(one.json), keys):
            tables[table] += orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    content = io.BytesIO()
    # Not compressed: that would cost more than making the rows.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for table, lines in tables.items():
            archive.writestr(zipfile.ZipInfo(f"{table}/documents.jsonl"), lines)
    return content.getbuffer()


def _rows(context: Context, keys: Keys) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the documents of a context with their tables."""
    contact, conversation = context["contact"], context["conversation"]
    contact_id = keys.contacts.of(_bits(contact["id"]) ^ keys.salt)
    tenant = {"workspace_id": keys.workspaces[contact["workspace_id"]]}
    yield "contacts", {**_row(contact), **tenant, "_id": contact_id, "seed_index": context["index"]}
    if conversation is not None:
        conversation_id = keys.conversations.of(_bits(conversation["id"]) ^ keys.salt)
        ids = {**tenant, "_id": conversation_id, "contact_id": contact_id}
        yield "conversations", {**_row(conversation), **ids}
        for message in context["messages"]:
            yield "messages", {**_row(message), **tenant, "conversation_id": conversation_id}
    for note in context["notes"]:
        yield "contact_notes", {**_row(note), **tenant, "contact_id": contact_id}


def _row(fields: Any) -> dict[str, Any]:
    row = dict(fields)
    row["external_id"] = row.pop("id")
    return row


def _bits(uuid: str) -> int:
    return int(uuid.replace("-", ""), 16)


def _parts(whole: Any, size: int) -> Iterator[Any]:
    for first in range(0, len(whole), size):
        yield whole[first : first + size]


def _text_of(response: httpx.Response, field: str) -> str:
    """Return a field of an answer. Raises ImportRefused where there is none such."""
    answer = _json_of(response)
    found = answer.get(field) if isinstance(answer, dict) else None
    if not isinstance(found, str):
        raise ImportRefused(f"{response.url.path} answered without {field}")
    return found


def _json_of(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise ImportRefused(f"{response.url.path} did not answer in JSON") from None
