"""What a release makes, as far as it can be made here."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from deploy.release_notes import notes
from dragstrip.version import VERSION
from tests.packaging.installed import ROOT
from tests.support.workflow import Job

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


_COPIED = ("CHANGELOG.md", "LICENSE", "Makefile", "README.md", "hatch_build.py", "pyproject.toml")
_FOLDERS = ("backends", "deploy", "docs", "dragstrip", "requirements", "scenarios", "seeding")
_MADE = shutil.ignore_patterns("node_modules", ".next", "__pycache__", "*.png")


def copy_of_the_source(place: Path) -> None:
    """Copy the checkout as a release finds it: its environment made, its version in the log."""
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, place / name, ignore=_MADE)
    for name in _COPIED:
        shutil.copy(ROOT / name, place / name)
    log = (ROOT / "CHANGELOG.md").read_text()
    (place / "CHANGELOG.md").write_text(log.replace("## Unreleased", f"## {VERSION}", 1))
    # The environment is that of these tests, and nothing in it is to be made anew.
    (place / ".venv").symlink_to(sys.prefix)
    for name in ("requirements/run.txt", "requirements/dev.txt", *_COPIED):
        os.utime(place / name, (1, 1))
    # What stays out of a package.
    for made in ("node_modules", ".next"):
        (place / "backends" / "next" / made).mkdir()
        (place / "backends" / "next" / made / "made.js").write_text("")


def test_the_build_job_makes_a_wheel_an_sdist_and_notes(tmp_path: Path) -> None:
    if not (Path(sys.prefix) / "dev.stamp").exists():
        pytest.skip("the environment of these tests was not made by make")
    place = tmp_path / "source"
    place.mkdir()
    copy_of_the_source(place)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    steps = workflow["jobs"]["build"]["steps"]
    programs = Path(sys.prefix) / "bin"
    job = Job(steps, place, programs, {"github.ref_name": f"v{VERSION}"}).run()
    # `make dist` ends with twine's check of both.
    assert not job.failed, job.ran[-1].output
    assert job.ran[0].output.count("PASSED") == 2
    assert "- `make race` installs everything" in (place / "dist" / "notes.md").read_text()
    files = sorted((place / "dist").glob("dragstrip-*"))
    assert [path.name.split("-")[1].removesuffix(".tar.gz") for path in files] == [VERSION] * 2
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
