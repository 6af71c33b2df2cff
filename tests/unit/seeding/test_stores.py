"""Stores: what they send, what they try again, and how they name what went wrong."""

from __future__ import annotations

import contextlib
import threading
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config.config import Config, DatasetConfig, TargetConfig, read_environment
from dragstrip.errors import BackendError, ConfigError
from dragstrip.redact import excerpt, register_secret
from seeding.dataset.dataset import Dataset
from seeding.stores import Store, open_stores
from seeding.stores.convex import ConvexStore
from seeding.stores.refusals import Passing
from seeding.stores.retry import PATIENCE_S, _delay_s, _seconds
from seeding.stores.supabase import SupabaseStore
from tests.unit.seeding.scripted_server import ScriptedAnswer, ScriptedServer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "very-secret-key-0123456789"

MANIFEST = {"seed": 1, "contacts": 2, "digest": "d", "generator": "1", "state": "complete"}


@contextlib.contextmanager
def a_store(
    kind: str, *script: ScriptedAnswer
) -> Iterator[tuple[Store, ScriptedServer, list[float]]]:
    """A store, the server it talks to, and the delays it would have waited."""
    delays: list[float] = []
    with serving(*script) as server:
        store: ConvexStore | SupabaseStore
        if kind == "convex":
            store = ConvexStore(server.url, admin_key=SECRET, seed_secret=None)
        else:
            store = SupabaseStore(server.url, SECRET)
        store._retry.sleep = delays.append
        with contextlib.closing(store):
            yield store, server, delays


def manifest_answer(kind: str) -> ScriptedAnswer:
    if kind == "convex":
        return ScriptedAnswer(body={"status": "success", "value": MANIFEST})
    return ScriptedAnswer(body=[MANIFEST], headers={"content-type": "application/json"})


BOTH = pytest.mark.parametrize("kind", ["convex", "supabase"])


@BOTH
def test_the_manifest_is_read(kind: str) -> None:
    with a_store(kind, manifest_answer(kind)) as (store, _, delays):
        assert store.read_manifest() == MANIFEST
    assert delays == []


@BOTH
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_backend_is_asked_again(kind: str, status: int) -> None:
    script = (ScriptedAnswer(status=status), ScriptedAnswer(status=status), manifest_answer(kind))
    with a_store(kind, *script) as (store, server, delays):
        assert store.read_manifest() == MANIFEST
        assert len(server.asked) == 3
    assert len(delays) == 2
    assert all(delay > 0 for delay in delays)


@pytest.mark.parametrize(
    "answer",
    [
        ScriptedAnswer(500, {"code": "40P01", "message": "deadlock detected"}),
        ScriptedAnswer(
            500, {"code": "57014", "message": "canceling statement due to statement timeout"}
        ),
        ScriptedAnswer(520, b"<html>the gateway's own page</html>"),
    ],
)
def test_what_passes_in_supabase_is_outwaited(answer: ScriptedAnswer) -> None:
    script = (manifest_answer("supabase"), answer, manifest_answer("supabase"))
    with a_store("supabase", *script) as (store, server, delays):
        store.read_manifest()
        assert store.read_manifest() == MANIFEST
        assert len(server.asked) == 3
    assert len(delays) == 1


@BOTH
def test_a_backend_that_says_when_is_asked_then(kind: str) -> None:
    script = (ScriptedAnswer(status=429, headers={"retry-after": "3"}), manifest_answer(kind))
    with a_store(kind, *script) as (store, _, delays):
        store.read_manifest()
    assert delays == [3.0]


@BOTH
@pytest.mark.parametrize("wish", ["0", "-5", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", None])
def test_a_backend_that_wishes_no_pause_gets_one(kind: str, wish: str | None) -> None:
    busy = ScriptedAnswer(status=429, headers={"retry-after": wish} if wish else {})
    with (
        a_store(kind, busy) as (store, server, delays),
        pytest.raises(BackendError, match="stayed overloaded"),
    ):
        store.read_manifest()
    assert len(server.asked) == len(delays) + 1 < 80
    assert all(delay >= 0.1 for delay in delays)
    assert max(delays) > 5


@given(st.text(max_size=40) | st.integers().map(str) | st.datetimes().map(format_datetime))
def test_whatever_is_wished_for_a_pause_is_bounded(wish: str) -> None:
    busy = Passing("HTTP 429", _seconds(wish))
    for attempt in (0, 5, 50):
        assert 0.1 <= _delay_s(attempt, busy) <= 60


@BOTH
def test_a_dropped_connection_is_made_again(kind: str) -> None:
    script = (manifest_answer(kind), ScriptedAnswer(drop=True), manifest_answer(kind))
    with a_store(kind, *script) as (store, server, delays):
        store.read_manifest()
        assert store.read_manifest() == MANIFEST
        assert len(server.asked) == 3
    assert len(delays) == 1


@BOTH
def test_patience_is_long_enough_for_a_restart_and_ends(kind: str) -> None:
    with (
        a_store(kind, ScriptedAnswer(status=503)) as (store, _, delays),
        pytest.raises(BackendError, match="stayed overloaded: HTTP 503, for 5 minutes") as error,
    ):
        store.read_manifest()
    assert PATIENCE_S <= sum(delays) <= PATIENCE_S + 10
    assert max(delays) <= 10
    assert "run the command again" in (error.value.fix or "")


@BOTH
def test_a_backend_that_went_away_is_waited_for(kind: str) -> None:
    back = (*[ScriptedAnswer(drop=True)] * 40, manifest_answer(kind))
    with a_store(kind, manifest_answer(kind), *back) as (store, _, delays):
        store.read_manifest()
        assert store.read_manifest() == MANIFEST
    assert len(delays) == 40


@BOTH
def test_a_backend_that_does_not_come_back_is_named_as_such(kind: str) -> None:
    with a_store(kind, manifest_answer(kind), ScriptedAnswer(drop=True)) as (store, _, _delays):
        store.read_manifest()
        with pytest.raises(BackendError, match="did not come back within 5 minutes") as error:
            store.read_manifest()
    assert "it continues" in (error.value.fix or "")


@pytest.mark.parametrize(
    ("kind", "variable"), [("convex", "CONVEX_URL"), ("supabase", "SUPABASE_URL")]
)
def test_a_backend_that_never_answered_is_not_waited_for(kind: str, variable: str) -> None:
    with a_store(kind, ScriptedAnswer()) as (store, server, delays):
        url = server.url
        store.close()
    # The server is gone, and its port is free again.
    gone: Store = (
        ConvexStore(url, admin_key=SECRET, seed_secret=None)
        if kind == "convex"
        else SupabaseStore(url, SECRET)
    )
    with contextlib.closing(gone), pytest.raises(BackendError, match="is unreachable") as error:
        gone.read_manifest()
    assert url in error.value.message
    assert variable in (error.value.fix or "")
    assert delays == []


FAILURES: list[tuple[str, ScriptedAnswer, str, str]] = [
    (
        "convex",
        ScriptedAnswer(401, {"code": "BadAdminKey"}),
        "refused CONVEX_ADMIN_KEY",
        "CONVEX_ADMIN_KEY",
    ),
    (
        "convex",
        ScriptedAnswer(
            body={"status": "error", "errorMessage": "Could not find public function for x"}
        ),
        "lacks a function of dragstrip's: seed:readManifest",
        "deploy backends/convex",
    ),
    (
        "convex",
        ScriptedAnswer(
            body={"status": "error", "errorMessage": "ArgumentValidationError: Object …"}
        ),
        "has functions of another version: seed:readManifest",
        "deploy backends/convex of this version",
    ),
    (
        "convex",
        ScriptedAnswer(
            body={
                "status": "error",
                "errorMessage": "Server Error",
                "errorData": "contacts: workspace_id, phone = w, 628 would be held by two rows, a",
            }
        ),
        "a contact that dragstrip did not seed has the phone number",
        "remove that contact",
    ),
    ("convex", ScriptedAnswer(404, b"<html>nope</html>"), "HTTP 404: an HTML page", "CONVEX_URL"),
    (
        "convex",
        ScriptedAnswer(500, {"code": "InternalServerError", "message": "Try again later."}),
        "HTTP 500: .*Try again later",
        "log",
    ),
    (
        "convex",
        ScriptedAnswer(body={"status": "error", "errorMessage": f"leaks {SECRET}"}),
        r"leaks \*\*\*",
        "log",
    ),
    (
        "supabase",
        ScriptedAnswer(401, {"message": "Invalid API key"}),
        "refused SUPABASE_SERVICE",
        "service",
    ),
    (
        "supabase",
        ScriptedAnswer(
            403, {"code": "42501", "message": "permission denied for table seed_manifest"}
        ),
        "does not let the role of SUPABASE_SERVICE_ROLE_KEY do this: 42501: permission denied",
        "grant service_role its rights",
    ),
    (
        "supabase",
        ScriptedAnswer(404, {"code": "PGRST205", "message": "Could not find the table"}),
        "lacks a table or function",
        "apply the migrations",
    ),
    (
        "supabase",
        ScriptedAnswer(
            409, {"code": "23505", "details": "Key (workspace_id, phone)=(w, 628) exists."}
        ),
        "a contact that dragstrip did not seed has the phone number",
        "remove that contact",
    ),
    (
        "supabase",
        ScriptedAnswer(409, {"code": "23505", "details": "Key (slug)=(x) already exists."}),
        "a row that is there already",
        "seed --reset",
    ),
    ("supabase", ScriptedAnswer(404, b"<!DOCTYPE html>"), "an HTML page", "SUPABASE_URL"),
    (
        "supabase",
        ScriptedAnswer(400, {"message": f"leaks {SECRET}", "code": "X"}),
        r"leaks \*\*\*",
        "log",
    ),
]


@pytest.mark.parametrize(("kind", "answer", "words", "fix"), FAILURES)
def test_what_went_wrong_is_named_with_its_fix(
    kind: str, answer: ScriptedAnswer, words: str, fix: str
) -> None:
    with (
        a_store(kind, answer) as (store, _, _delays),
        pytest.raises(BackendError, match=words) as error,
    ):
        store.read_manifest()
    assert fix in (error.value.fix or "")
    assert SECRET not in f"{error.value.message} {error.value.fix}"
    assert error.value.exit_code == 2


def test_convex_takes_the_seed_secret_where_there_is_no_admin_key() -> None:
    with serving(ScriptedAnswer(body={"status": "success", "value": 5.0})) as server:
        store = ConvexStore(server.url, admin_key=None, seed_secret=SECRET)
        with contextlib.closing(store):
            assert store.next_index(3) == 5
    path, headers, body = server.asked[0]
    assert path == "/api/query"
    assert "authorization" not in headers
    assert body["path"] == "seedWithSecret:nextIndex"
    assert body["args"] == {"start": 3, "secret": SECRET}


def test_convex_sends_whole_numbers_as_numbers_and_reads_them_back() -> None:
    context = Dataset(42, 10).context(3)
    with_doubles: Any = {**context, "index": 3.0}
    success = {"status": "success", "value": [with_doubles]}
    with a_store("convex", ScriptedAnswer(body=success)) as (store, server, _):
        assert store.contexts(3, 4) == [context]
        assert isinstance(store.contexts(3, 4)[0]["index"], int)
        assert server.asked[0][1]["authorization"] == f"Convex {SECRET}"


def test_convex_is_asked_for_the_next_index_and_for_workspaces() -> None:
    workspaces = Dataset(42, 0).workspaces()
    success = [{"status": "success", "value": value} for value in (7.0, None, workspaces)]
    with a_store("convex", *(ScriptedAnswer(body=body) for body in success)) as (store, server, _):
        assert isinstance(store, ConvexStore)
        assert [store.next_index(3), store.next_index(8)] == [7, None]
        assert store.read_workspaces(["b", "a"]) == workspaces
    asked = [(body["path"], body["args"]) for _, _, body in server.asked]
    assert asked == [
        ("seed:nextIndex", {"start": 3}),
        ("seed:nextIndex", {"start": 8}),
        ("seed:readWorkspaces", {"ids": ["b", "a"]}),
    ]


def test_supabase_writes_parents_before_children_and_keeps_milliseconds() -> None:
    dataset = Dataset(42, 400)
    context = next(c for c in dataset.contexts(0, 400) if c["messages"] and c["notes"])
    with a_store("supabase", ScriptedAnswer(201, b"")) as (store, server, _):
        store.write(store.encode([context]))
    tables = [path.split("?")[0].rsplit("/", 1)[1] for path, _, _ in server.asked]
    assert tables == ["contacts", "conversations", "messages", "contact_notes"]
    assert all("on_conflict=id" in path for path, _, _ in server.asked)
    sent = server.asked[0][2][0]
    assert sent["seed_index"] == context["index"]
    ms = context["contact"]["created_at"] % 1000
    assert f".{ms:03d}000+00:00" in sent["created_at"] or (
        ms == 0 and "." not in sent["created_at"]
    )


def test_statistics_that_take_too_long_for_the_api_do_not_fail_a_seed() -> None:
    cut_short = ScriptedAnswer(
        500, {"code": "57014", "message": "canceling statement due to timeout"}
    )
    with a_store("supabase", cut_short, ScriptedAnswer(201, b"")) as (store, server, delays):
        store.write_manifest({**MANIFEST, "state": "complete"})  # type: ignore[typeddict-item]
    assert [path.split("?")[0] for path, _, _ in server.asked] == [
        "/rest/v1/rpc/dragstrip_analyze", "/rest/v1/seed_manifest",
    ]  # fmt: skip
    assert delays == []


def test_no_request_to_supabase_outgrows_a_proxys_limit() -> None:
    contexts = Dataset(42, SupabaseStore.page).contexts(0, SupabaseStore.page)
    with a_store("supabase", ScriptedAnswer(201, b"")) as (store, server, _):
        store.write(store.encode(contexts))
    assert max(int(headers["content-length"]) for _, headers, _ in server.asked) < 1_000_000
    assert all("on_conflict=id" in path for path, _, _ in server.asked)


def environment(**values: str) -> Config:
    return Config(dataset=DatasetConfig()).with_environment(values)


def test_every_missing_address_and_key_is_named_at_once() -> None:
    with (
        pytest.raises(ConfigError, match="CONVEX_URL is not set; SUPABASE_URL is not set"),
        open_stores(environment()),
    ):
        pass


def test_a_convex_without_any_credential_is_refused() -> None:
    config = environment(
        CONVEX_URL="http://127.0.0.1:1", SUPABASE_URL="http://127.0.0.1:2",
        SUPABASE_SERVICE_ROLE_KEY=SECRET,
    )  # fmt: skip
    with (
        pytest.raises(ConfigError, match="neither CONVEX_ADMIN_KEY nor SEED_SECRET"),
        open_stores(config),
    ):
        pass


def test_a_store_is_opened_once_for_all_targets_that_share_it() -> None:
    config = Config(
        targets={
            "a": TargetConfig(kind="convex-http"),
            "b": TargetConfig(kind="next-convex"),
            "c": TargetConfig(kind="convex-http"),
        },
        environment=read_environment({"CONVEX_URL": "http://127.0.0.1:1", "SEED_SECRET": SECRET}),
    )
    with open_stores(config) as stores:
        assert [store.name for store in stores] == ["Convex"]


def test_an_excerpt_is_one_short_line_without_secrets() -> None:
    text = f"first\nsecond {SECRET} " + "x" * 1000
    register_secret(SECRET)
    assert SECRET not in excerpt(text)
    assert "\n" not in excerpt(text)
    assert len(excerpt(text)) == 300


@BOTH
def test_closing_a_store_ends_a_wait_at_once(kind: str) -> None:
    with serving(
        manifest_answer(kind), ScriptedAnswer(429, headers={"retry-after": "60"})
    ) as server:
        store: Store = (
            ConvexStore(server.url, admin_key=SECRET, seed_secret=None)
            if kind == "convex"
            else SupabaseStore(server.url, SECRET)
        )
        store.read_manifest()
        raised: list[str] = []

        def read() -> None:
            try:
                store.read_manifest()
            except BackendError as error:
                raised.append(error.message)

        thread = threading.Thread(target=read)
        thread.start()
        while len(server.asked) < 2:
            thread.join(0.01)
        store.close()
        thread.join(timeout=30)
        assert not thread.is_alive()
    # Of the 429, or of the connection that was closed while that came.
    assert len(raised) == 1
