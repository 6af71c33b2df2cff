"""Calls the command line in this process, which spares a second of imports for each call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dragstrip.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


class CallResult(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Call = Callable[..., CallResult]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Return a function that runs `dragstrip` in an empty folder, with these variables only."""

    def run(*arguments: str, **environ: str) -> CallResult:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name in os.environ:
                if name.startswith(("CONVEX_", "NEXT_", "SUPABASE_", "CRM_", "DRAGSTRIP_LAB")):
                    patch.delenv(name)
            patch.setenv("DRAGSTRIP_LAB_HOME", str(tmp_path / "lab"))
            for name, value in environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main(list(arguments))
        said = capsys.readouterr()
        return CallResult(int(ended.value.code or 0), said.out, said.err)

    return run
