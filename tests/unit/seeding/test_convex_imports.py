"""The bulk import's client: the ids it makes, and what it does where imports are refused."""

from __future__ import annotations

import contextlib
import io
import zipfile
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.errors import BackendError
from seeding.dataset.dataset import Dataset
from seeding.stores.convex import ConvexStore
from seeding.stores.convex_ids import TableIds
from seeding.stores.retry import PATIENCE_S
from tests.unit.seeding.scripted_server import ScriptedAnswer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "very-secret-key-0123456789"
DATASET = Dataset(42, 520)
CONTEXTS = list(DATASET.contexts(0, 520))
WORKSPACES = [workspace["id"] for workspace in DATASET.workspaces()]

# By convex-lab's encodeId, whose ids convex-test and the Convex package take for such.
KNOWN_IDS = [
    (0, "0400000000000000000000000000248"),
    (2**128 - 1, "fzzzzzzzzzzzzzzzzzzzzzzzzzzpzsr"),
    (1, "g00g00000000000000000000000030gj"),
    (0x0123456789ABCDEF0123456789ABCDEF, "j57028t5cy4tqkff04hmasw9nf6yyqzr"),
    (2**127, "g2003000000000000000000000000041j4"),
    (12345678901234567890, "g20810080000000000001atmn66ep7rat8hct"),
]
EXAMPLE = KNOWN_IDS[3][1]


def success(value: Any) -> ScriptedAnswer:
    return ScriptedAnswer(body={"status": "success", "value": value})


def state(name: str, **more: Any) -> ScriptedAnswer:
    return success({"_id": "import", "state": {"state": name, **more}})


NO_IMPORTS = success([])
KEYS = success(
    {
        "salt": "manifest",
        "tables": {"contacts": EXAMPLE, "conversations": EXAMPLE},
        "workspaces": [{"id": one, "document_id": f"document of {one}"} for one in WORKSPACES],
    }
)
FREE, TAKEN = success(True), success(False)
UPLOADED = [
    ScriptedAnswer(body={"uploadToken": "a/b"}),
    ScriptedAnswer(body=""),
    ScriptedAnswer(body={"importId": "i"}),
]
WAITING, CONFIRMED = state("waiting_for_confirmation"), ScriptedAnswer(body=b"")
DONE = [state("in_progress"), state("completed", num_rows_written="2600")]
IMPORTED = [*UPLOADED, WAITING, CONFIRMED, *DONE]
WRITTEN = success({})


@contextlib.contextmanager
def a_store(*script: ScriptedAnswer) -> Iterator[tuple[ConvexStore, list[Any], list[float]]]:
    delays: list[float] = []
    with serving(*script) as server:
        store = ConvexStore(server.url, admin_key=SECRET, seed_secret=None)
        store._retry.sleep = delays.append
        with contextlib.closing(store):
            yield store, server.asked, delays


def paths(asked: list[Any]) -> list[str]:
    return [body.get("path", path) if isinstance(body, dict) else path for path, _, body in asked]


@pytest.mark.parametrize(("internal", "known"), KNOWN_IDS)
def test_ids_are_those_of_convex(internal: int, known: str) -> None:
    assert TableIds(known).of(internal) == known


@given(st.sampled_from(KNOWN_IDS), st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1))
def test_an_id_of_a_table_serves_as_its_example(
    known: tuple[int, str], one: int, other: int
) -> None:
    ids = TableIds(known[1])
    assert TableIds(ids.of(one)).of(other) == ids.of(other)
    assert (ids.of(one) == ids.of(other)) == (one == other)


@pytest.mark.parametrize("wrong", [EXAMPLE[:-1] + "0", EXAMPLE.upper(), "j5", ""])
def test_what_is_no_id_is_not_taken_for_one(wrong: str) -> None:
    with pytest.raises(ValueError, match="not the id of a Convex document"):
        TableIds(wrong)


def test_rows_are_sent_with_the_ids_they_refer_to() -> None:
    with a_store(WRITTEN, NO_IMPORTS, KEYS, FREE, *IMPORTED) as (store, asked, _):
        store.write_workspaces(DATASET.workspaces())
        store.write(store.encode(CONTEXTS))
    part = next(body for path, _, body in asked if path.startswith("/api/import/upload_part"))
    tables = {}
    with zipfile.ZipFile(io.BytesIO(part)) as archive:
        for name in archive.namelist():
            tables[name] = [orjson.loads(line) for line in archive.read(name).splitlines()]
    assert list(tables) == [
        f"{table}/documents.jsonl"
        for table in ("contacts", "conversations", "messages", "contact_notes")
    ]
    contacts, conversations, messages, notes = tables.values()
    assert [row["external_id"] for row in contacts] == [c["contact"]["id"] for c in CONTEXTS]
    assert [row["seed_index"] for row in contacts] == [c["index"] for c in CONTEXTS]
    known = {row["_id"] for row in contacts}
    assert len(known) == len(CONTEXTS)
    assert {row["contact_id"] for row in [*conversations, *notes]} <= known
    assert {row["conversation_id"] for row in messages} <= {row["_id"] for row in conversations}
    workspaces = {row["workspace_id"] for row in [*contacts, *conversations, *messages, *notes]}
    assert workspaces <= {f"document of {one}" for one in WORKSPACES}
    assert all("id" not in row for rows in tables.values() for row in rows)
    uploaded = next(path for path, _, _ in asked if path.startswith("/api/import/upload_part"))
    assert uploaded.endswith("?uploadToken=a%2Fb&partNumber=1")


GONE_WRONG = [
    [ScriptedAnswer(404, b"")],
    [ScriptedAnswer(403, {"code": "OperationNotPermitted", "message": "no"})],
    [*UPLOADED[:2], ScriptedAnswer(400, {"code": "InvalidUploadToken", "message": "no"})],
    [*UPLOADED, state("failed", error_message="Row 1 wasn't valid JSON")],
    [*UPLOADED, WAITING, CONFIRMED, state("failed", error_message="Cannot recreate document")],
    [*UPLOADED, WAITING, CONFIRMED, success(None)],
]


@pytest.mark.parametrize("steps", GONE_WRONG)
def test_what_could_not_be_imported_is_written_by_transactions(steps: list[ScriptedAnswer]) -> None:
    script = (WRITTEN, NO_IMPORTS, KEYS, FREE, *steps, WRITTEN)
    with a_store(*script) as (store, asked, _):
        store.write_workspaces(DATASET.workspaces())
        store.write(store.encode(CONTEXTS))
    written = [body["args"]["contexts"] for _, _, body in asked[len(script) - 1 :]]
    assert [context for batch in written for context in batch] == CONTEXTS
    assert set(paths(asked)[len(script) - 1 :]) == {"seed:writeContexts"}


def test_where_imports_are_refused_they_are_not_tried_for_ever() -> None:
    refusals = [FREE, ScriptedAnswer(404, b"")] * 3
    with a_store(WRITTEN, NO_IMPORTS, KEYS, *refusals, WRITTEN) as (store, asked, _):
        store.write_workspaces(DATASET.workspaces())
        batch = store.encode(CONTEXTS)
        with patch.object(store, "_write_some", len):
            for _ in range(5):
                store.write(batch)
    assert len(asked) == 3 + len(refusals)


def test_contacts_that_are_there_or_whose_phone_is_are_left_to_transactions() -> None:
    with a_store(WRITTEN, NO_IMPORTS, KEYS, TAKEN, WRITTEN) as (store, asked, _):
        store.write_workspaces(DATASET.workspaces())
        store.write(store.encode(CONTEXTS))
    assert set(paths(asked)[4:]) == {"seed:writeContexts"}


def test_an_upload_that_is_cut_off_begins_anew() -> None:
    cut = [UPLOADED[0], ScriptedAnswer(drop=True), ScriptedAnswer(503)]
    with a_store(WRITTEN, NO_IMPORTS, KEYS, FREE, *cut, *IMPORTED) as (store, asked, delays):
        store.write_workspaces(DATASET.workspaces())
        store.write(store.encode(CONTEXTS))
    starts = [path for path in paths(asked) if path.endswith("start_upload")]
    assert len(starts) == 3
    assert len(delays) >= 2


def test_a_deployment_that_goes_away_during_an_import_is_told_from_one_that_refuses_it() -> None:
    gone = [*UPLOADED, WAITING, CONFIRMED, ScriptedAnswer(drop=True)]
    with a_store(WRITTEN, NO_IMPORTS, KEYS, FREE, *gone) as (store, asked, delays):
        store.write_workspaces(DATASET.workspaces())
        # It may go on: writing the same by transactions meanwhile could store rows twice.
        with pytest.raises(BackendError, match="did not come back within 5 minutes"):
            store.write(store.encode(CONTEXTS))
        assert sum(delays) >= PATIENCE_S
        assert "seed:writeContexts" not in paths(asked)


def test_few_contacts_are_not_imported() -> None:
    with a_store(WRITTEN, NO_IMPORTS, WRITTEN) as (store, asked, _):
        store.write_workspaces(DATASET.workspaces())
        store.write(store.encode(CONTEXTS[:100]))
    assert set(paths(asked)[2:]) == {"seed:writeContexts"}


def test_a_deployment_without_imports_is_written_to_all_the_same() -> None:
    no_such = ScriptedAnswer(
        body={"status": "error", "errorMessage": "Could not find public function"}
    )
    with a_store(WRITTEN, no_such, WRITTEN) as (store, asked, _):
        store.write_workspaces(DATASET.workspaces())
        store.write(store.encode(CONTEXTS))
    assert set(paths(asked)[2:]) == {"seed:writeContexts"}
