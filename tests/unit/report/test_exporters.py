"""The table of report formats: what a race stores, and what `dragstrip report --format` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from dragstrip.cli.main import cli, main
from dragstrip.report import exporters, junit
from dragstrip.report.exporters import EXPORTERS, Exporter
from dragstrip.run.folder import RunFolder
from tests.support.runs import plan_of
from tests.unit.report.test_reports import examples

if TYPE_CHECKING:
    from pathlib import Path


def test_one_line_adds_a_format_to_the_files_of_a_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Exporter(lambda run, verdict, *_: f"{run.id} {verdict.verdict}", "plain.txt")
    monkeypatch.setattr(exporters, "EXPORTERS", EXPORTERS | {"plain": plain})
    run, verdict = examples()["adopt"]
    folder = RunFolder(tmp_path)
    folder.write_plan(plan_of())
    page = exporters.store(folder, run, verdict, None)
    assert page == tmp_path / "report.html"
    files = {one.name for one in tmp_path.iterdir()}
    assert files == {"plan.json", "report.html", "junit.xml", "plain.txt"}
    assert (tmp_path / "plain.txt").read_text() == f"{run.id} adopt"
    assert (tmp_path / "junit.xml").read_text() == junit.render(run, verdict)


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_command_offers_every_format(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = cli.get_command(None, "report")  # type: ignore[arg-type]
    assert command
    form = next(one for one in command.params if one.name == "form")
    assert isinstance(form.type, click.Choice)
    assert name in form.type.choices
    with pytest.raises(SystemExit, match="2"):
        main(["report", "nowhere", "--format", name])
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_format_names_both_targets_and_ends_its_last_line(name: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_plan(plan_of())
    text = EXPORTERS[name].render(*examples()["adopt"], None, folder)
    assert "old" in text
    assert "new" in text
    assert text.endswith("\n") or name == "html"
