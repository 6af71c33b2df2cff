"""What can be no race of two endpoints is one error that names the flag, with the fix.

Exit code 2; nothing is sent before the configuration is sound, and nothing timed before both
targets have answered what is expected.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from scenarios.http.checks import agree
from tests.support.web_server import ReceivedRequest, WebAnswer, WebServer, echo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.calls import Call, CallResult

SECRET = "a-secret-0123456789"


def require_refused(done: CallResult, words: str, folder: Path) -> None:
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.count("error: ") == 1
    assert words in done.err
    assert "\n  fix: " in done.err
    assert SECRET not in done.err
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--header", f"Authorization: {SECRET}"], "Authorization holds a secret"),
        (["--header", SECRET], "--header: it must be written as 'Name: value'"),
        (["--expect-header", "etag"], "--expect-header: it must be written as 'Name: value'"),
        (["--body", "x"], 'a GET has no body; give method = "POST" (--method POST)'),
        (["--data", "gone.csv"], "scenario.data: cannot read gone.csv"),
        (["--data", "empty.csv"], "scenario.data: empty.csv: it is empty"),
        (["--data", "header.csv"], "header.csv: it has a header and no rows"),
        (["--data", "short.csv"], "short.csv, line 3: 1 field, and the header names 2 columns"),
        (["--header", "X-Id: {id}"], "scenario.headers.X-Id: {id} needs a data file"),
        (
            ["--data", "ids.csv", "--header", "X-Id: {nme}"],
            "scenario.headers.X-Id: the data file has no column for {nme}; it has id, name",
        ),
        (
            ["--data", "ids.csv", "--expect-column", "nme"],
            'request: expect.column: the data has no column "nme"',
        ),
        (["--expect-at", "$.a"], "scenario.expect: at needs column"),
        (["--expect-schema", "gone.json"], "request: expect.schema: cannot read"),
        (["--ignore", "$.a"], "ignore needs same = true (--same-answers)"),
        (["--same-answers", "--ignore", "a"], "request: expect.ignore: 'a' does not begin with"),
        (["--operation", "x"], "openapi and operation"),
        (["--dry-run", "--once"], "--dry-run and --once exclude each other"),
        (["--rate", "1"], "rules.metric = p95 needs 59"),
        (["--scenario", "lookup", "--data", "x"], "--data is for the scenario endpoint"),
        (["--header", "Authorization: env:EP_MISSING"], "EP_MISSING is not set"),
        (["--miss", "0.1"], "race.miss = 0.1"),
    ],
    ids=" ".join,
)
def test_bad_input_sends_nothing(
    call: Call, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("id,name\n")
    (tmp_path / "short.csv").write_text("id,name\n1,a\n2\n")
    (tmp_path / "ids.csv").write_text("id,name\n1,a\n")
    with WebServer().serving() as server:
        done = call("race", f"{server.url}/x", f"{server.url}/y", *arguments)
    require_refused(done, words, tmp_path)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://127.0.0.1:{port}/x#top", "other.url: the fragment of an address (#) is never"),
        (
            f"http://u:{SECRET}@127.0.0.1:{{port}}/",
            "other.url: must hold no user name or password",
        ),
        ("ftp://127.0.0.1:{port}/", "targets.other.url: must be an http:// or https:// address"),
        ("http://127.0.0.1:{port}/{{id}}", "targets.other.path: {id} needs a data file"),
        ("http://no-such-host.invalid/", "other.url: the host no-such-host.invalid does not"),
        ("http://192.0.2.1/x", "requests to each target, at 192.0.2.1"),
    ],
)
def test_a_bad_address_sends_nothing(call: Call, tmp_path: Path, address: str, words: str) -> None:
    with WebServer().serving() as server:
        done = call("race", server.url, "other=" + address.format(port=server.port))
    require_refused(done, words, tmp_path)
    assert server.connections == 0


def of_its_own(asked: ReceivedRequest) -> WebAnswer:
    """Answer as the other target does, but for a field that its clock decides."""
    return WebAnswer(
        {**json.loads(echo(asked).encode().partition(b"\r\n\r\n")[2]), "zone": "UTC+7"}
    )


def at_once(asked: ReceivedRequest) -> WebAnswer:
    return WebAnswer({"at": time.time_ns()})


@pytest.mark.parametrize(
    ("answer", "arguments", "words", "fix"),
    [
        (
            echo,
            ["--expect-status", "204"],
            "expect.status is 204, and the status is 200",
            "status 200",
        ),
        (echo, ["--expect-contains", "absent"], 'expect.contains: "absent" does not', "--once"),
        (echo, ["--expect-header", "etag: 7"], "expect.header.etag: the answer has no", "expect"),
        (
            of_its_own,
            ["--same-answers"],
            '(expect.same): $.zone is nothing from baseline, "UTC+7" from challenger',
            """give ignore = ["$.zone"] in expect, or --ignore '$.zone'""",
        ),
        (
            at_once,
            ["--same-answers"],
            "there is nothing to compare: $.at is first ",
            """give ignore = ["$.at"] in expect, or --ignore '$.at'""",
        ),
    ],
)
def test_what_no_answer_passes_ends_before_load_is_made(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[ReceivedRequest], WebAnswer],
    arguments: list[str],
    words: str,
    fix: str,
) -> None:
    monkeypatch.setattr(agree, "_APART_S", 0)
    both = at_once if answer is at_once else echo
    with WebServer(both).serving() as old, WebServer(answer).serving() as new:
        done = call("race", f"{old.url}/x", f"{new.url}/x", *arguments)
    require_refused(done, words, tmp_path)
    assert fix in done.err.partition("\n  fix: ")[2]
    assert len(old.asked) <= len(new.asked) <= 3


def test_one_address_twice_over_http_and_https_is_said_and_allowed(
    call: Call, tmp_path: Path
) -> None:
    (tmp_path / "ids.csv").write_text("id,name\n1,a\n")
    with WebServer().serving() as server:
        secure = server.url.replace("http:", "https:")
        same = call("race", f"{server.url}/x", f"{server.url}/x", "--expect-status", "204")
        mixed = call("race", f"{server.url}/{{id}}", f"{secure}/x", "--data", "ids.csv")
    assert "warning: both targets are the same address" in same.err
    assert "warning: one target is asked by https and the other by http" in mixed.err
    assert 'warning: scenario.data: the column "name" of ids.csv is never used' in mixed.err
