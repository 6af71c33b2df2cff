"""`seed` and `verify` on the command line, as far as no backend is needed."""

from __future__ import annotations

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
