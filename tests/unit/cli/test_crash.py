"""What dragstrip did not foresee: exit code 70, one line, and a log file with the traceback."""

from __future__ import annotations

import stat
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.output_faults import Ended, shell
from tests.support.stand_in import API_KEY

if TYPE_CHECKING:
    from pathlib import Path

_CRASHING = """
import sys
from dragstrip.cli.main import main
from dragstrip.run import folder

def find(run, out):
    variable_of_ours = "a local variable"
    raise {error}

folder.find = find
main(sys.argv[1:])
"""


def crash(place: Path, error: str, **environ: str) -> Ended:
    program = (sys.executable, "-c", _CRASHING.format(error=error))
    return shell(place, "report", "hidden-argument", program=program, environ=environ)


@pytest.mark.parametrize(
    "error",
    [
        "KeyError('x')",
        "AssertionError()",
        "RecursionError()",
        "UnicodeEncodeError('ascii', 'x', 0, 1, 'no')",
        # click takes the first for the reader of a pipe, the second for Ctrl-D.
        "BrokenPipeError(32, 'Broken pipe')",
        "EOFError()",
        "OSError(28, 'No space left on device')",
    ],
)
def test_an_unforeseen_error_is_one_line_and_a_log_file(tmp_path: Path, error: str) -> None:
    ended = crash(tmp_path, error)
    name = error.partition("(")[0]
    (log,) = (tmp_path / ".dragstrip").iterdir()
    assert (ended.code, ended.out) == (70, "")
    assert ended.err.count("\n") == 1
    assert ended.err.startswith(f"error: unexpected {name} in dragstrip/cli/report.py:")
    assert f"the details are in {log}; please report it" in ended.err
    text = log.read_text()
    assert "Traceback (most recent call last)" in text
    assert name in text
    assert "command: report" in text
    assert "hidden-argument" not in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_log_holds_no_value_of_a_variable(tmp_path: Path) -> None:
    crash(tmp_path, "KeyError('x')", CRM_API_KEY=API_KEY)
    (log,) = (tmp_path / ".dragstrip").iterdir()
    # The traceback quotes the line that raised, and no other.
    assert "a local variable" not in log.read_text()
    assert API_KEY not in log.read_text()


def test_where_the_working_directory_takes_no_log_the_temporary_folder_does(tmp_path: Path) -> None:
    (tmp_path / ".dragstrip").write_text("a file is in the way")
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    ended = crash(tmp_path, "KeyError('x')", TMPDIR=str(elsewhere))
    (log,) = elsewhere.glob("crash-*.log")
    assert ended.code == 70
    assert str(log) in ended.err


def test_a_crash_with_both_outputs_broken_is_still_70(tmp_path: Path) -> None:
    program = (sys.executable, "-c", _CRASHING.format(error="KeyError('x')"))
    for redirect in (">/dev/full 2>/dev/full", ">&- 2>&-"):
        ended = shell(tmp_path, "report", "x", redirect=redirect, program=program)
        assert ended.code == 70
    assert len(list((tmp_path / ".dragstrip").iterdir())) == 2


@pytest.mark.parametrize(
    "arguments",
    [("race", "--quick"), ("report", "x"), ("history",), ("ledger", "x"), ("compare", "x", "y")],
    ids=" ".join,
)
def test_a_removed_working_directory_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, sys.argv[1:])"
    program = (sys.executable, "-c", script, sys.executable, "-m", "dragstrip")
    ended = shell(gone, *arguments, program=program, environ={"TMPDIR": str(tmp_path)})
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []
