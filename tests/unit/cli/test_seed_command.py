"""`seed` and `verify` on the command line, as far as no backend is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import dragstrip

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "very-secret-key-0123456789"


@pytest.mark.parametrize("command", ["seed", "verify"])
def test_with_nothing_configured_the_lab_must_be_up(command: str, tmp_path: Path) -> None:
    result = dragstrip(command, cwd=tmp_path)
    assert result.returncode == 2
    assert "lab" in result.stderr
    assert "dragstrip lab up" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["seed", "verify"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--contacts", "0"], "dataset.contacts"),
        (["--contacts", "many"], "--contacts"),
        (["--seed", "-1"], "dataset.seed"),
        (["--seed", str(2**53)], "dataset.seed"),
        (["--config", "absent.toml"], "absent.toml"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_named(command: str, arguments: list[str], words: str, tmp_path: Path) -> None:
    result = dragstrip(command, *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["seed", "--replace", "--reset"], "--replace and --reset exclude each other"),
        (["seed", "--processes", "0"], "--processes"),
        (["verify", "--processes", "many"], "--processes"),
        (["verify", "--replace"], "--replace"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    result = dragstrip(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_for_machines_a_failure_is_an_object_as_well(tmp_path: Path) -> None:
    result = dragstrip("seed", "--json", "--contacts", "0", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    failure = json.loads(result.stderr)
    assert failure["event"] == "error"
    assert "dataset.contacts" in failure["message"]
    assert failure["fix"]


@pytest.mark.parametrize("command", ["seed", "verify"])
def test_an_unreachable_backend_is_one_line_and_a_fix(command: str, tmp_path: Path) -> None:
    result = dragstrip(
        command,
        cwd=tmp_path,
        CONVEX_URL="http://127.0.0.1:1",
        CONVEX_ADMIN_KEY=SECRET,
        SUPABASE_URL="http://127.0.0.1:1",
        SUPABASE_SERVICE_ROLE_KEY=SECRET,
        CRM_API_KEY=SECRET,
    )
    assert result.returncode == 2
    assert "is unreachable" in result.stderr
    assert "fix:" in result.stderr
    assert "Traceback" not in result.stderr
    assert SECRET not in result.stdout + result.stderr
