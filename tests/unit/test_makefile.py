"""`make PYTHON=…`: an environment of another Python is not used in silence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTHER = "#!/bin/sh\necho 3.99\n"


@pytest.mark.parametrize("is_other", [True, False])
def test_the_python_that_is_asked_for_is_the_one_that_runs(tmp_path: Path, is_other: bool) -> None:
    other = tmp_path / "python3.99"
    other.write_text(OTHER)
    other.chmod(0o755)
    python = other if is_other else sys.executable
    command = ["make", "help", f"PYTHON={python}", f"VENV={sys.prefix}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is not is_other, done.stderr
    if is_other:
        assert f"{sys.prefix} has Python 3.{sys.version_info.minor}" in done.stderr
        assert "VENV=.venv-other" in done.stderr
