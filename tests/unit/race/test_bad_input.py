"""What cannot make a race is refused: one error, exit code 2, no run's folder, not a byte sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip import open_files
from dragstrip.cli import main
from tests.support.races import DATASET, sections, toml
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# As it stands this would be run: each test spoils it in one place.
SOUND = {"pairs": 6, "slice": 1.0, "warmup": 0.2, "rate": 150}


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn(DATASET).serving() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: StandIn) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM_API_KEY", API_KEY)
    monkeypatch.setenv("DRAGSTRIP_LAB_HOME", str(tmp_path / "lab"))
    write(tmp_path, server)
    return tmp_path


def write(folder: Path, server: StandIn, **settings: object) -> None:
    configuration = sections(server.url, server.url, **SOUND | settings)
    (folder / "dragstrip.toml").write_text(toml(configuration))


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    """Return the error that `dragstrip race` gives; check that it did nothing else."""
    with pytest.raises(SystemExit) as exit_:
        main.main(["race", *arguments])
    said = capsys.readouterr()
    assert exit_.value.code == 2, said
    assert said.out == ""
    assert said.err.lower().count("error: ") == 1
    assert "Traceback" not in said.err
    assert {file.name for file in folder.iterdir()} == {"dragstrip.toml"}
    return said.err


FLAGS = [
    (["--rate", "-1"], "error: command line: race.rate"),
    (["--rate", "nan"], "race.rate"),
    (["--rate", "inf"], "race.rate"),
    (["--rate", "1e9"], "race.rate"),
    (["--rate", "fast"], "--rate"),
    (["--rate", "20"], "rules.metric = p95 needs 59"),
    (["--slice", "0.2"], "command line: race: warmup must be shorter than slice: warmup is 0.2 s"),
    (["--warmup", "1"], "warmup must be shorter than slice: warmup is 1 s, slice is 1 s"),
    (["--worker-wait", "nan"], "--worker-wait"),
    (["--slice", "0.1"], "warmup must be shorter than slice"),
    (["--slice", "nan"], "race.slice"),
    (["--slice", "-3"], "race.slice"),
    (["--pairs", "0"], "race.pairs"),
    (["--pairs", "-2"], "race.pairs"),
    (["--pairs", "5"], "race.pairs = 5 is fewer than the 6"),
    (["--miss", "1.5"], "race.miss"),
    (["--keys", "pareto:2"], "race.keys"),
    (["--keys", "zipf:nan"], "race.keys"),
    (["--keys", "hot:0"], "race.keys"),
    (["--processes", "17"], "--processes 17 exceeds race.connections (16)"),
    (["--processes", "0"], "--processes"),
    (["--seed", "-1"], "--seed"),
    (["--require", "faster"], "--require"),
    (["--preset", "endless"], "--preset"),
    (["--config", "missing.toml"], "missing.toml does not exist"),
    (["--frobnicate"], "--frobnicate"),
    (["--out", "/proc/nowhere"], "--out"),
]


@pytest.mark.parametrize(("arguments", "words"), FLAGS, ids=[" ".join(a) for a, _ in FLAGS])
def test_a_flag_that_makes_no_race_is_refused(
    folder: Path,
    server: StandIn,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    assert words in refusal(capsys, folder, *arguments)
    assert server.connections == 0


FIELDS: list[tuple[dict[str, object], str]] = [
    ({"connections": 0}, "race.connections"),
    ({"timeout": 0}, "race.timeout"),
    ({"timeout": 1, "first_byte_timeout": 2}, "first_byte_timeout"),
    ({"raet": 5}, "did you mean rate"),
    ({"baseline": "older"}, 'there is no target "older"'),
    ({"baseline": "new"}, "name the same target"),
    ({"rules": {"metric": "p99"}}, "rules.metric = p99 needs 299"),
    ({"rules": {"operation": "chat"}}, 'rules.operation: the scenario has no operation "chat"'),
    ({"rules": {"equivalent": [1.1, 1.25]}}, "rules"),
    ({"rules": {"max_error_rate": -1}}, "rules.max_error_rate"),
]


@pytest.mark.parametrize(("settings", "words"), FIELDS, ids=[str(s) for s, _ in FIELDS])
def test_a_field_that_makes_no_race_is_refused(
    folder: Path,
    server: StandIn,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, object],
    words: str,
) -> None:
    write(folder, server, **settings)
    error = refusal(capsys, folder)
    assert words in error
    assert "fix: " in error
    assert server.connections == 0


def test_a_missing_key_is_refused(
    folder: Path,
    server: StandIn,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CRM_API_KEY")
    assert "CRM_API_KEY is not set" in refusal(capsys, folder)
    assert server.connections == 0


def test_what_the_tests_spoil_would_have_been_run(
    folder: Path, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    # The preflight asks the target, and then fails for want of the stores' addresses.
    refusal(capsys, folder)
    assert server.connections > 0


def test_more_connections_than_open_files_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "allowed", lambda: 40)
    said = refusal(capsys, folder)
    assert "race.connections = 16 needs 96 open files in a process" in said
    assert "`ulimit -n 96`" in said
