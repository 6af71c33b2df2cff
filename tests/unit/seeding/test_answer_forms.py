"""A store that answers JSON of another form: one error that names the store and the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.errors import BackendError
from tests.unit.seeding.scripted_server import ScriptedAnswer
from tests.unit.seeding.test_stores import BOTH, a_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from seeding.stores import Store

SHAPES: tuple[Any, ...] = ([1], {"a": 1}, 3.5, "text", True, [None], [{}], [[]], [{"index": "x"}])

CALLS: dict[str, Callable[[Store], object]] = {
    "manifest": lambda store: store.read_manifest(),
    "next index": lambda store: store.next_index(0),
    "workspaces": lambda store: store.read_workspaces(["a"]),
    "ranges": lambda store: store.range_digests(0, 256),
    "contacts": lambda store: store.contact_digests(0, 256),
    "contexts": lambda store: store.contexts(0, 256),
    "deleted": lambda store: store.delete_contexts(0, 256),
    "deleted workspaces": lambda store: store.delete_workspaces(["a"]),
}

TAKEN = {
    # What says nothing of the fields of a row is for `verify`, which compares rows.
    ("workspaces", "[{}]"),
    ("contexts", "[{}]"),
    ("workspaces", "[{'index': 'x'}]"),
    ("contexts", "[{'index': 'x'}]"),
}


def answer_of(kind: str, value: Any) -> ScriptedAnswer:
    body = {"status": "success", "value": value} if kind == "convex" else value
    return ScriptedAnswer(body=body, headers={"content-type": "application/json"})


@BOTH
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("called", list(CALLS))
def test_json_of_another_form_is_named(kind: str, called: str, shape: Any) -> None:
    with a_store(kind, answer_of(kind, shape)) as (store, _, _):
        if (called, str(shape)) in TAKEN:
            CALLS[called](store)
            return
        with pytest.raises(BackendError, match=store.name) as refused:
            CALLS[called](store)
    assert refused.value.fix


@BOTH
@pytest.mark.parametrize("body", [b"not JSON", b"3", b'"x"', b"{", b"\xff", b"[3]"])
def test_a_body_of_another_kind_is_named(kind: str, body: bytes) -> None:
    with (
        a_store(kind, ScriptedAnswer(body=body, headers={"content-type": "text/html"})) as (
            store,
            _,
            _,
        ),
        pytest.raises(BackendError, match=store.name),
    ):
        store.read_manifest()
