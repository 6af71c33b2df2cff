"""Other systems than Linux: said on macOS, refused on Windows."""

from __future__ import annotations

import subprocess
import sys

from dragstrip import operating_system

_AS_ON_WINDOWS = "import sys; sys.platform = 'win32'; import dragstrip.cli.main"


def test_on_windows_every_command_ends_with_a_sentence_that_names_wsl() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AS_ON_WINDOWS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 2
    assert "does not run on Windows" in done.stderr
    assert "WSL" in done.stderr


def test_elsewhere_a_race_says_what_differs() -> None:
    assert operating_system.remark(is_linux=True) is None
    said = operating_system.remark(is_linux=False)
    assert said is not None
    for word in ("Linux alone", "timers", "forks", "dragstrip calibrate"):
        assert word in said
