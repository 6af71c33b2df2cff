"""What a release makes, as far as it can be made here."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from deploy.release_notes import notes
from tests.packaging.installed import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LOCKS = [
    f"backends/{name}/package-lock.json"
    for name in ("convex", "convex-lab", "next", "supabase-lab")
]
LOG = """# Changelog

## Unreleased

- new

## 1.2.3 (2025-01-01)

- this

## 1.2.2

- old
"""


def test_wheel_and_sdist_carry_the_backends_and_pass_the_checks_of_pypi(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    files = sorted(tmp_path.iterdir())
    check = [sys.executable, "-m", "twine", "check", "--strict", *map(str, files)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    wheel, sdist = files
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as packed:
        in_sdist = {name.partition("/")[2] for name in packed.getnames()}
    for lock in LOCKS:
        assert f"dragstrip/lab/{lock}" in in_wheel
        assert lock in in_sdist
    assert {"hatch_build.py", "dragstrip/version.py"} <= in_sdist
    assert not [name for name in in_wheel | in_sdist if "node_modules" in name or "/.next/" in name]
    assert wheel.stat().st_size < 3_000_000


def test_notes_are_the_versions_section() -> None:
    assert notes("v1.2.3", "1.2.3", LOG) == "- this\n"
    assert notes("v1.2.2", "1.2.2", LOG) == "- old\n"
    for tag, version, words in (("v1.2.4", "1.2.3", "the tag is"), ("v9", "9", "no section 9")):
        with pytest.raises(SystemExit, match=words):
            notes(tag, version, LOG)
