"""The bulk import into the lab's Convex: what is there stays, and nothing comes twice."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from dragstrip.errors import BackendError
from seeding import seed as seeding
from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import contact_digest
from seeding.stores.convex import ConvexStore
from seeding.stores.convex_import import BulkImport, make_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.seeding_backends import Backends

CONTACTS = 520
DATASET = Dataset(42, CONTACTS)
CONTEXTS = list(DATASET.contexts(0, CONTACTS))
DIGESTS = {context["index"]: contact_digest(context) for context in CONTEXTS}
ROWS = sum(
    1 + (c["conversation"] is not None) + len(c["messages"]) + len(c["notes"]) for c in CONTEXTS
)
LIST = "_system/cli/queryImport:list"


def open_convex(backends: Backends) -> ConvexStore:
    variables = backends.environment
    return ConvexStore(
        variables["CONVEX_URL"], admin_key=variables["CONVEX_ADMIN_KEY"], seed_secret=None
    )


@pytest.fixture
def store(backends: Backends) -> Iterator[ConvexStore]:
    seeding.reset(backends.config(CONTACTS))
    with contextlib.closing(open_convex(backends)) as store:
        begin(store)
        yield store
    seeding.reset(backends.config(CONTACTS))


def begin(store: ConvexStore) -> None:
    store.write_manifest(
        {"seed": 42, "contacts": CONTACTS, "digest": "", "generator": "1", "state": "seeding"}
    )
    store.write_workspaces(DATASET.workspaces())


def stored(store: ConvexStore) -> dict[int, str]:
    return store.contact_digests(0, CONTACTS)


def imports(store: ConvexStore) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = store._api.system_query(LIST)
    return found


def importer(store: ConvexStore) -> BulkImport:
    assert store._imports is not None
    return store._imports


def start_import(store: ConvexStore, *, contacts_only: bool = False) -> str:
    """Begin to import, as a command does that is killed then."""
    contexts: list[Any] = CONTEXTS
    if contacts_only:
        contexts = [{**one, "conversation": None, "messages": [], "notes": []} for one in CONTEXTS]
    archive = make_archive(store.encode(contexts), importer(store)._learnt())
    import_id = importer(store)._upload(archive)
    importer(store)._wait(import_id, "waiting_for_confirmation")
    importer(store)._send("perform_import", orjson.dumps({"importId": import_id}))
    return import_id


def test_new_contacts_come_by_import_and_are_right(backends: Backends, store: ConvexStore) -> None:
    before = len(backends.rows("Convex"))
    store.write(store.encode(CONTEXTS))
    state = imports(store)[0]["state"]
    assert (state["state"], state["num_rows_written"]) == ("completed", str(ROWS))
    assert stored(store) == DIGESTS
    assert len(backends.rows("Convex")) == before + ROWS
    # Written again by transactions: every row is found where it is, and none is changed.
    rows = backends.rows("Convex")
    number = len(imports(store))
    store.write(store.encode(CONTEXTS))
    assert len(imports(store)) == number
    assert backends.rows("Convex") == rows
    assert store.delete_contexts(0, CONTACTS) == CONTACTS
    assert len(backends.rows("Convex")) == before


def test_a_phone_that_somebody_else_has_is_named_and_nothing_is_imported(
    backends: Backends, store: ConvexStore
) -> None:
    foreign: Any = orjson.loads(orjson.dumps(CONTEXTS[7]))
    foreign["contact"]["id"] = "00000000-0000-4000-8000-000000000000"
    foreign["index"] = 10**9
    foreign.update(conversation=None, messages=[], notes=[])
    store.write(store.encode([foreign]))
    number = len(imports(store))
    with pytest.raises(BackendError, match="did not seed has the phone number") as error:
        store.write(store.encode(CONTEXTS))
    assert CONTEXTS[7]["contact"]["phone"] in error.value.message
    assert len(imports(store)) == number
    assert store.delete_contexts(10**9, 10**9 + 1) == 1


def test_an_import_left_unfinished_is_completed_without_a_second_row(
    backends: Backends, store: ConvexStore
) -> None:
    before = len(backends.rows("Convex"))
    import_id = start_import(store, contacts_only=True)
    importer(store)._wait(import_id, "completed")
    assert stored(store) != DIGESTS
    store.write(store.encode(CONTEXTS))
    assert stored(store) == DIGESTS
    assert len(backends.rows("Convex")) == before + ROWS


def test_the_same_contacts_are_not_imported_twice(backends: Backends, store: ConvexStore) -> None:
    before = len(backends.rows("Convex"))
    ids = [start_import(store) for _ in range(2)]
    states = [importer(store)._wait(one, "completed", "failed") for one in ids]
    assert [state["state"] for state in states] == ["completed", "failed"]
    assert "already exists" in states[1]["error_message"]
    assert stored(store) == DIGESTS
    assert len(backends.rows("Convex")) == before + ROWS


def test_the_next_command_waits_for_an_import_that_goes_on(
    backends: Backends, store: ConvexStore
) -> None:
    start_import(store)
    with contextlib.closing(open_convex(backends)) as following:
        begin(following)
        # A manifest was written: by then nothing may be under way any more.
        assert imports(following)[0]["state"]["state"] == "completed"
        assert stored(following) == DIGESTS


def test_one_range_by_several_threads_is_stored_once(
    backends: Backends, store: ConvexStore
) -> None:
    before = len(backends.rows("Convex"))
    batch = store.encode(CONTEXTS)
    threads = [threading.Thread(target=store.write, args=(batch,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(store) == DIGESTS
    assert len(backends.rows("Convex")) == before + ROWS
