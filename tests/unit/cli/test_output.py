"""Standard output and standard error that take no text: what is stored, and the exit code."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.output_faults import shell
from tests.support.race_program import ANYHOW
from tests.support.races import DATASET, sections, toml
from tests.support.recorded import record_run
from tests.support.stand_in import API_KEY, StandIn
from tests.support.stored import store

if TYPE_CHECKING:
    from pathlib import Path

REPORTS = ("run.json", "verdict.json", "report.html", "junit.xml")
NO_ROOM = "cannot write to standard output: No space left on device"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one stored run, whose verdict is adopt."""
    place = tmp_path_factory.mktemp("place")
    store(place / "runs" / "run")
    return place


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("report", "run"), 74),
        (("report", "run", "--format", "html"), 74),
        (("history", "--json"), 74),
        (("schema", "run"), 74),
        (("--help",), 74),
        (("--version",), 74),
        # The commands' own code is another: what they found counts more than who heard it.
        (("report", "run", "--require", "equivalent"), 1),
        (("ledger", "run"), 2),
        (("lab", "status"), 2),
    ],
    ids=str,
)
def test_only_a_success_whose_output_is_lost_becomes_74(
    place: Path, arguments: tuple[str, ...], code: int
) -> None:
    lost = shell(place, *arguments, redirect=">/dev/full")
    assert lost.code == code, lost
    assert NO_ROOM in lost.err
    assert "Traceback" not in lost.err


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", "| head -c 1"])
@pytest.mark.parametrize("required", ["adopt", "equivalent"])
def test_a_reader_that_left_and_a_broken_stderr_change_nothing(
    place: Path, required: str, redirect: str
) -> None:
    ended = shell(place, "report", "run", "--require", required, redirect=redirect)
    assert ended.code == (0 if required == "adopt" else 1), ended
    assert "cannot write" not in ended.err
    assert "Traceback" not in ended.err


def test_a_long_export_ends_when_its_reader_leaves(tmp_path: Path) -> None:
    record_run(tmp_path / "run", lookups=20_000)
    ended = shell(tmp_path, "ledger", "run", "--format", "csv", redirect="| head -n 1")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("worker,row,")


_ASCII = {"PYTHONIOENCODING": "ascii"}


@pytest.mark.parametrize(
    ("form", "environ"),
    [
        *((form, _ASCII) for form in ("terminal", "markdown", "html", "svg", "junit")),
        ("terminal", {"PYTHONIOENCODING": "latin-1:strict"}),
        ("terminal", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
    ids=str,
)
def test_what_the_terminal_cannot_show_is_replaced(
    tmp_path: Path, form: str, environ: dict[str, str]
) -> None:
    folder = store(tmp_path / "runs" / "run")
    stored = json.loads((folder.path / "run.json").read_text())
    stored["scenario"]["facts"]["data"] = "100 контактов ☎"
    (folder.path / "run.json").write_text(json.dumps(stored))
    ended = shell(tmp_path, "report", "run", "--format", form, environ=environ)
    assert (ended.code, ended.err) == (0, "")
    assert "20250102T030405Z" in ended.out


def test_names_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    ended = shell(tmp_path, "report", "x", redirect="--out $'\\xff'")
    assert ended.code == 2
    assert "cannot read" in ended.err


@pytest.mark.parametrize(
    ("redirect", "environ"),
    [
        (">/dev/full", {}),
        ("| head -c 1", {}),
        ("2>/dev/full", {"PYTHONIOENCODING": "ascii"}),
        (">&- 2>&-", {}),
    ],
    ids=str,
)
def test_a_race_stores_everything_before_it_shows_anything(
    tmp_path: Path, redirect: str, environ: dict[str, str]
) -> None:
    program = (sys.executable, "-m", "tests.support.race_program", ANYHOW)
    with StandIn(DATASET).serving() as server:
        (tmp_path / "dragstrip.toml").write_text(toml(sections(server.url, server.url)))
        ended = shell(
            tmp_path,
            "race",
            redirect=redirect,
            program=program,
            environ={"CRM_API_KEY": API_KEY} | environ,
        )
    latest = tmp_path / "runs" / "latest"
    for name in REPORTS:
        assert (latest / name).stat().st_size > 0, name
    assert json.loads((latest / "run.json").read_text())["interrupted"] is False
    # A busy machine may make the race invalid, which is what it exits with then.
    is_invalid = json.loads((latest / "verdict.json").read_text())["verdict"] == "invalid"
    assert ended.code == (3 if is_invalid else 74 if redirect == ">/dev/full" else 0), ended
    assert (NO_ROOM in ended.err) == (redirect == ">/dev/full")
    assert not (tmp_path / ".dragstrip").exists()


@pytest.mark.parametrize("columns", ["0", "5", "99999999"])
def test_a_screen_without_columns_shows_the_verdict(place: Path, columns: str) -> None:
    shown = shell(place, "report", "run", environ={"COLUMNS": columns})
    assert shown.code == 0
    assert "ADOPT: new against old" in " ".join(shown.out.split())
    assert 38 <= max(map(len, shown.out.splitlines())) <= 1_000
