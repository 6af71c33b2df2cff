"""The job summary gets what it is given, and a race outlives one that cannot be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragstrip.cli import github_summary, race
from dragstrip.race.race import Result
from dragstrip.run.folder import RunFolder
from tests.unit.report.test_reports import examples

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_appends(tmp_path: Path) -> None:
    place = tmp_path / "summary.md"
    for text in ("first ü", "second"):
        assert github_summary.append({github_summary.VARIABLE: str(place)}, text) is None
    assert place.read_text(encoding="utf-8") == "first ü\nsecond\n"


def test_without_one_it_does_nothing() -> None:
    assert github_summary.append({}, "text") is None
    assert github_summary.append({github_summary.VARIABLE: ""}, "text") is None


def test_a_race_says_that_it_cannot_be_written_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = Result(RunFolder(tmp_path), *examples()["lab"], "")
    place = tmp_path / "summary.md"
    monkeypatch.setenv(github_summary.VARIABLE, str(place))
    race._summarise(result, "better")
    assert "`--require better`: met." in place.read_text(encoding="utf-8")
    assert not capsys.readouterr().err
    for unwritable in (tmp_path, tmp_path / "absent" / "summary.md"):
        monkeypatch.setenv(github_summary.VARIABLE, str(unwritable))
        race._summarise(result, None)
        assert f"GITHUB_STEP_SUMMARY: cannot write {unwritable}: " in capsys.readouterr().err
