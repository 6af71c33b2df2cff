"""What `dragstrip capacity` refuses, before it sends anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.cli.main import main
from tests.support.plain_server import PlainAnswer, PlainServer

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = ["http://192.0.2.1/a", "http://192.0.2.2/b"]


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        (ELSEWHERE, "load for other machines needs consent", "give --yes"),
        ([*ELSEWHERE, "--yes", "--from", "400", "--to", "500"], "--from 400", "--from 250 or less"),
        ([*ELSEWHERE, "--yes", "--to", "12"], "leave no room for a search", "a longer --slice"),
        ([*ELSEWHERE, "--yes", "--from", "1", "--to", "3"], "--to 3", "or a longer --slice"),
        ([*ELSEWHERE, "--to", "1e12"], "is not in the range", "1000000.0"),
        ([*ELSEWHERE, "--to", "nan"], "'nan' is not a number", "--to"),
        ([*ELSEWHERE, "--from", "inf"], "is not in the range", "--from"),
        (["http://192.0.2.1/"], "1 address given", "give BASELINE and CHALLENGER"),
        ([*ELSEWHERE, "--profile", "ramp:1..9/1m"], "slice of a search plays all", "--slice"),
        ([*ELSEWHERE, "--profile", "ramp:9"], "ramp:9", "ramp:"),
        (["--scenario", "inbound-message"], "stores each message once", "only reads"),
    ],
)
def test_a_search_that_cannot_be_is_refused_with_its_fix(
    arguments: list[str],
    message: str,
    fix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGSTRIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRAGSTRIP_LAB_HOME", str(tmp_path / "lab"))
    monkeypatch.setattr("sys.stdin", (tmp_path / "empty").open("w+"))
    with pytest.raises(SystemExit) as left:
        main(["capacity", *arguments])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert message in said
    assert fix in said
    assert not (tmp_path / "runs").exists()


def test_the_most_that_is_sent_is_said_before_anything_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRAGSTRIP_HOME", str(tmp_path / "home"))
    with PlainServer(lambda _: PlainAnswer("no", status=503)).serving() as server:
        address = f"{server.url}/x"
        with pytest.raises(SystemExit) as left:
            main(["capacity", address, address, "--quick", "--to", "100"])
        # The preflight's: a target that does not answer is not searched.
        assert len(server.paths) <= 6
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said.index("at most ") < said.index("503")
