"""What `dragstrip soak` refuses, before it sends anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

ELSEWHERE = ["http://192.0.2.1/a", "http://192.0.2.2/b"]


@pytest.mark.parametrize(
    ("arguments", "message", "fix"),
    [
        ([*ELSEWHERE, "--for", "2h"], "load for other machines needs consent", "give --yes"),
        ([*ELSEWHERE, "--for", "10m"], "hold 5 windows of 60 s", "a longer --for"),
        ([*ELSEWHERE, "--for", "200h"], "hold 6000 windows", "a longer --window"),
        ([*ELSEWHERE, "--for", "soon"], "'soon' is no time", "2h"),
        ([*ELSEWHERE, "--for", "2h", "--only", "c"], "--only c: there is no", "give baseline"),
        ([*ELSEWHERE, "--for", "2h", "--rate", "0"], "race.rate = 0: a soak keeps", "--rate"),
        ([*ELSEWHERE, "--for", "2h", "--rate", "0.5"], "too few|needs 59", "--rate"),
        (["--scenario", "inbound-message", "--for", "2h"], "stores each message", "only reads"),
    ],
)
def test_a_soak_that_cannot_be_is_refused_with_its_fix(
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
        main(["soak", *arguments])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert any(words in said for words in message.split("|")), said
    assert fix in said
    assert not (tmp_path / "runs").exists()
