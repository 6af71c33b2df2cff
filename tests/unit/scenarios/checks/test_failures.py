"""Examples of failures: few, cut, and without secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dragstrip import redact
from dragstrip.errors import StorageError
from dragstrip.ledger.rows import Outcome
from dragstrip.scenario import Operation, Request, Target
from scenarios.http.checks import failures
from scenarios.http.checks.failures import FailureSamples, without_secrets
from scenarios.http.checks.status import Status
from tests.support.expectations import reply

if TYPE_CHECKING:
    from pathlib import Path

OLD = Target("old", "http", "http://old.invalid")
SEARCH = Operation("search")
SECRET = "s3cr3t-value-0123456789"


@pytest.fixture(autouse=True)
def _known_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "_secrets", {SECRET})


def request(key: int) -> Request:
    headers = {"authorization": f"Bearer {SECRET}", "x-plain": "header-value"}
    return Request("GET", f"/search?q={key}&api_key=abc&t={SECRET}", headers)


def test_three_examples_of_each_reason_are_kept(tmp_path: Path) -> None:
    samples = FailureSamples()
    check = samples.watch(Status(), OLD, SEARCH, request)
    for key in range(5):
        assert check(key, reply({"n": key}, status=500)) == Outcome.HTTP_STATUS
        assert check(key, reply({"n": key}, status=404)) == Outcome.HTTP_STATUS
        assert check(key, reply({"n": key})) == Outcome.OK
    samples.write(tmp_path, 0)
    # Another process has some, too.
    other = FailureSamples()
    other.watch(Status(), OLD, SEARCH, request)(9, reply(status=404))
    other.watch(Status(), OLD, SEARCH, request)(9, reply(status=403))
    other.write(tmp_path, 1)
    kept = failures.read(tmp_path)
    assert [(one["reason"], [e["key"] for e in one["examples"]]) for one in kept] == [
        ("http_403", [9]),
        ("http_404", [0, 1, 2]),
        ("http_500", [0, 1, 2]),
    ]
    first = kept[1]["examples"][0]
    assert first["status"] == 404
    assert first["body"] == '{"n":0}'
    assert first["why"] == "expect.status is 2xx, and the status is 404"
    assert first["request"].startswith("GET /search?q=0&")
    assert {one["target"] for one in kept} == {"old"}
    assert {one["operation"] for one in kept} == {"search"}


def test_no_header_and_no_secret_is_stored(tmp_path: Path) -> None:
    samples = FailureSamples()
    check = samples.watch(Status(), OLD, SEARCH, request)
    body = {"echo": f"<{SECRET}>", "user": {"Password": 'p"q', "note": "kept"}, "token": 12345}
    check(1, reply(body, status=500, headers={"set-cookie": "cookie-value"}))
    check(2, reply(b"x" * 2030 + SECRET.encode() * 3, status=500))
    check(3, reply(b"\xff\xfe" * 3000, status=500))
    samples.write(tmp_path, 0)
    text = (tmp_path / "failures" / "0.json").read_text()
    for hidden in (SECRET, SECRET[:8], "cookie-value", "header-value", 'p\\"q', "12345", "abc"):
        assert hidden not in text
    assert "kept" in text
    for one in json.loads(text)[0]["examples"]:
        assert len(one["body"].encode()) <= failures.SHOWN_BYTES


def test_half_a_secret_at_the_end_of_what_is_read_is_not_stored(tmp_path: Path) -> None:
    samples = FailureSamples()
    check = samples.watch(Status(), OLD, SEARCH, request)
    for offset in range(1, len(SECRET)):
        many = SECRET.encode() * 400
        check(offset, reply(many[: failures._READ_BYTES - offset] + many, status=400 + offset))
    samples.write(tmp_path, 0)
    assert SECRET[:5] not in (tmp_path / "failures" / "0.json").read_text()


def test_without_a_failure_nothing_is_written(tmp_path: Path) -> None:
    samples = FailureSamples()
    assert samples.watch(Status(), OLD, SEARCH, request)(1, reply()) == Outcome.OK
    samples.write(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    assert failures.read(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    samples = FailureSamples()
    samples.watch(Status(), OLD, SEARCH, request)(1, reply(status=500))
    (tmp_path / "failures").write_text("in the way")
    with pytest.raises(StorageError, match="failures"):
        samples.write(tmp_path, 0)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"access_token":"a b","x":1}', '{"access_token":"***","x":1}'),
        ('{"apiKey": "a\\"b", "x": 1}', '{"apiKey": "***", "x": 1}'),
        ('{"session": null}', '{"session": "***"}'),
        ('{"password": "cut of', '{"password": "***"'),
        ("/a?token=1&b=2", "/a?token=***&b=2"),
        ("/a?b=2", "/a?b=2"),
        ('{"name": "token"}', '{"name": "token"}'),
    ],
)
def test_what_looks_like_a_secret_by_its_name_is_hidden(text: str, hidden: str) -> None:
    assert without_secrets(text) == hidden
