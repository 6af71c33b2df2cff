"""What `dragstrip worker` and `race --workers` refuse before anything is started."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from dragstrip.cli.main import main
from dragstrip.errors import UsageError
from dragstrip.run.ipc import DEFAULT_PORT, EarlyStop, parse_address, read_stop


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM_API_KEY", "a-secret")
    monkeypatch.setenv("DRAGSTRIP_LAB_HOME", str(tmp_path / "lab"))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exited:
        main(list(arguments))
    assert exited.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "  fix: " in said
    assert not Path("runs").exists()
    return said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", "2", "--processes", "2"], "--workers and --processes"),
        (["--workers", "33"], "--workers 33 exceeds race.connections (32)"),
        (["--workers", "2", "--bind", "here:there"], "--bind: 'here:there' is not HOST[:PORT]"),
        (["--workers", "2", "--bind", "192.0.2.1"], "--bind 192.0.2.1:5557: "),
    ],
)
def test_a_race_refuses(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert words in refusal(capsys, "race", *arguments)


def test_a_race_refuses_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        assert f"--bind {place}: " in refusal(capsys, "race", "--workers", "2", "--bind", place)


@pytest.mark.parametrize(
    ("master", "words"),
    [
        ("http://10.0.0.1:5557", "is not HOST[:PORT]"),
        ("::1", "is not HOST[:PORT]"),
        ("10.0.0.1:70000", "is not HOST[:PORT]"),
        ("nobody.invalid", "nobody.invalid:5557: "),
    ],
)
def test_a_worker_refuses(capsys: pytest.CaptureFixture[str], master: str, words: str) -> None:
    assert words in refusal(capsys, "worker", master)


def test_a_worker_needs_a_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_API_KEY")
    assert "CRM_API_KEY is not set" in refusal(capsys, "worker", "127.0.0.1")


def test_an_address_has_locusts_port_unless_it_names_one() -> None:
    assert parse_address("load-1", "x") == ("load-1", DEFAULT_PORT)
    assert parse_address("10.0.0.1:6000", "x") == ("10.0.0.1", 6000)
    with pytest.raises(UsageError):
        parse_address("", "x")


def test_a_reason_to_stop_reads_back_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    assert read_stop(tmp_path) is None
    EarlyStop("2 of 4 workers came", before_start=True).write(tmp_path)
    assert read_stop(tmp_path) == EarlyStop("2 of 4 workers came", before_start=True)
    (tmp_path / "stopped.json").write_text('{"reason"')
    assert read_stop(tmp_path) is None
