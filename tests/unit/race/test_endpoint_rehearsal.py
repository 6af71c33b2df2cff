"""`dragstrip race URL URL` before anything is raced: asking first, a dry run, one request each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.support.endpoint_races import racing
from tests.support.web_server import ReceivedRequest, WebAnswer, WebServer

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a-secret-0123456789"


def test_a_terminal_is_asked_once_and_may_say_no(tmp_path: Path) -> None:
    main, terminal = os.openpty()
    try:
        os.write(main, b"n\n")
        with racing(tmp_path, "http://192.0.2.1/a", "http://192.0.2.2/a", stdin=terminal) as race:
            assert race.code == 130, race.said
    finally:
        os.close(main)
        os.close(terminal)
    question = race.errors.replace("\n", " ")
    assert "requests to each target, at 192.0.2.1 and 192.0.2.2. Go on? [y/N]" in question
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_shows_the_first_row_and_sends_nothing(tmp_path: Path) -> None:
    (tmp_path / "ids.csv").write_text("id,sku\na b,7\nc,8\n")
    with (
        WebServer().serving() as server,
        racing(
            tmp_path,
            *(f"{server.url}/{{id}}", f"{server.url}/v2/{{id}}", "--data", "ids.csv"),
            *("--header", "Authorization: env:EP_TOKEN", "--header", "X-Sku: {sku}"),
            *("--method", "POST", "--body", '{"sku": "{sku}"}', "--dry-run"),
            environ={"EP_TOKEN": SECRET},
        ) as race,
    ):
        assert race.code == 0, race.said
    assert server.connections == 0
    assert SECRET not in race.output + race.errors
    assert f"POST {server.url}/a%20b\n" in race.output
    assert f"POST {server.url}/v2/a%20b\n" in race.output
    assert race.output.count("  authorization: ***\n") == 2
    assert race.output.count("  x-sku: 7\n") == 2
    assert race.output.count('  {"sku":"7"}') == 2
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_looks_no_host_up(tmp_path: Path) -> None:
    hosts = ("http://no-such-host.invalid/a", "https://nor-this-one.invalid/a")
    with racing(tmp_path, *hosts, "--dry-run") as race:
        assert race.code == 0, race.said
    assert "GET http://no-such-host.invalid/a\n" in race.output


def test_once_asks_each_target_once_and_shows_what_differs(tmp_path: Path) -> None:
    def older(asked: ReceivedRequest) -> WebAnswer:
        return WebAnswer({"id": 7, "name": "a", "tags": [1, 2], "at": "then"})

    def newer(asked: ReceivedRequest) -> WebAnswer:
        return WebAnswer({"id": "7", "name": "a", "tags": [1, 3]})

    with WebServer(older).serving() as old, WebServer(newer).serving() as new:
        with racing(tmp_path / "alike", f"{old.url}/a", f"{old.url}/b", "--once") as alike:
            assert alike.code == 0, alike.said
        assert "differences:\n  none" in alike.output
        with racing(tmp_path / "unlike", f"{old.url}/a", f"{new.url}/b", "--once") as unlike:
            assert unlike.code == 1, unlike.said
        ignoring = ("--same-answers", "--ignore", "$.id", "--ignore", "$.at")
        addresses = (f"{old.url}/a", f"{new.url}/b")
        with racing(tmp_path / "one", *addresses, "--once", *ignoring) as one:
            assert one.code == 1, one.said
        with racing(
            tmp_path / "all", *addresses, "--once", *ignoring, "--ignore", "$.tags"
        ) as every:
            assert every.code == 0, every.said
    table = unlike.output.partition("differences:\n")[2].splitlines()
    assert [line.split() for line in table[:4]] == [
        ["baseline", "challenger"],
        ["$.id", "7", '"7"'],
        ["$.tags[1]", "2", "3"],
        ["$.at", '"then"', "nothing"],
    ]
    flags = "--same-answers --ignore '$.id' --ignore '$.tags[*]' --ignore '$.at'"
    assert table[4] == f"  where they may differ, give {flags}"
    assert "$.tags[1]  2         3\n" in one.output
    assert "$.id " not in one.output
    assert "differences:\n  none" in every.output
    assert len(new.asked) == 3
    assert not (tmp_path / "unlike" / "runs").exists()
