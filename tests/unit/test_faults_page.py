"""docs/faults.md names tests that exist, and enough of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()
ROWS = re.findall(r"^\| .+ \| .+ \| (\S+) \| `(tests/\S+)` \|$", PAGE, re.MULTILINE)
CODES = set(re.findall(r"^\| (\d+) \| .+ \|$", PAGE, re.MULTILINE)) | {"–"}


def test_every_test_that_is_named_exists() -> None:
    names = sorted({name for _, name in ROWS})
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert collected.returncode == 0, collected.stdout + collected.stderr


def test_every_row_is_read_and_has_an_exit_code_of_the_table() -> None:
    assert len(ROWS) == PAGE.count("| `tests/")
    assert {code for code, _ in ROWS} <= CODES


def test_there_are_faults_of_every_kind() -> None:
    sections = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)+)", PAGE, re.MULTILINE))
    counts = {name: text.count("| `tests/") for name, text in sections.items()}
    assert counts.keys() == {
        *("Targets", "Workers and processes", "Network", "Disk", "Clock and machine", "People")
    }
    assert min(counts.values()) >= 5
    assert sum(counts.values()) >= 40
