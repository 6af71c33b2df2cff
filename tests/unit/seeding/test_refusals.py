"""Every documented refusal is named by its row of the table, and the page shows that table."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from dragstrip.errors import BackendError
from seeding.stores import refusals
from seeding.stores.convex import ConvexStore
from seeding.stores.postgres_connections import Connections
from seeding.stores.refusals import CONVEX, DIRECT, POSTGRES, REST, TABLES, TARGETS, Refusal, Table
from seeding.stores.refusals import refusal_of as row_of
from seeding.stores.supabase import SupabaseStore
from tests.unit.seeding.scripted_server import ScriptedAnswer, serving

PAGE = Path(__file__).parents[3] / "docs" / "refusals.md"
WAYS: list[tuple[Table, ...]] = [(DIRECT, POSTGRES), (REST, POSTGRES), (CONVEX,), (TARGETS,)]
ROWS = [(tables, row) for tables in WAYS for table in tables for row in table]
SECRET = "very-secret-key-0123456789"


@pytest.mark.parametrize(("tables", "row"), ROWS, ids=lambda one: getattr(one, "example", ""))
def test_each_refusal_has_a_row_of_its_own(tables: tuple[Table, ...], row: Refusal) -> None:
    assert row_of(tables, row.example) is row
    assert row.meaning
    assert row.fix


def test_what_nobody_documents_has_none() -> None:
    for tables in WAYS:
        assert row_of(tables, "XYZ: something new") is None


def test_the_page_shows_the_tables() -> None:
    assert PAGE.read_text().splitlines()[-len(refusals.documented()) :] == refusals.documented()
    assert sum(len(table) for table in TABLES.values()) > 40


def answer_to(kind: str, row: Refusal) -> ScriptedAnswer:
    """Return how the backend says so over HTTP."""
    code, _, words = row.example.partition(": ")
    if kind == "convex" and code.startswith("HTTP"):
        inner, _, message = words.partition(": ")
        body = {"code": inner, "message": message} if message else words.encode()
        return ScriptedAnswer(int(code[5:]), body)
    if kind == "convex":
        return ScriptedAnswer(body={"status": "error", "errorMessage": row.example})
    if code.startswith("HTTP"):
        return ScriptedAnswer(int(code[5:]), words.encode())
    return ScriptedAnswer(500, {"code": code, "message": words})


OVER_HTTP = [("convex", row) for row in CONVEX] + [("supabase", row) for row in (*REST, *POSTGRES)]


@pytest.mark.parametrize(
    ("kind", "row"), OVER_HTTP, ids=lambda one: one if isinstance(one, str) else one.example
)
def test_a_store_that_meets_it_says_so_with_the_fix(kind: str, row: Refusal) -> None:
    delays: list[float] = []
    with serving(answer_to(kind, row)) as server:
        store: ConvexStore | SupabaseStore
        if kind == "convex":
            store = ConvexStore(server.url, admin_key=SECRET, seed_secret=None)
        else:
            store = SupabaseStore(server.url, SECRET)
        store._retry.sleep = delays.append
        with contextlib.closing(store), pytest.raises(BackendError) as error:
            store.contexts(0, 4)
        if row.then == "halves":
            widths = [body.get("args", body) for _, _, body in server.asked]
            ends = [one.get("stop", one.get("p_stop")) for one in widths]
            assert ends == [4, 2, 1]
    assert f"{row.meaning.replace('CREDENTIAL', 'CONVEX_ADMIN_KEY')}: " in error.value.message
    assert error.value.fix == row.fix.replace("CREDENTIAL", "CONVEX_ADMIN_KEY")
    assert bool(delays) == (row.then == "waits")
    assert isinstance(error.value, row.raises)


@pytest.mark.parametrize("row", [*DIRECT, *POSTGRES], ids=lambda row: row.example)
def test_a_direct_connection_says_the_same(row: Refusal) -> None:
    error = Connections("Supabase", "postgresql://u:p@h/d").error(row.example)
    assert error.message == f"Supabase at h:5432 {row.meaning}: {row.example}"
    assert error.fix == row.fix
